"""How our pages look, and how they are mounted: one theme, one style sheet, nothing fetched from elsewhere, nothing kept in the browser."""

from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from core.errors import AppError, NotSignedIn

_HERE = Path(__file__).parent
_FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Liberation Sans", "sans-serif"]
_MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Liberation Mono", "monospace"]


def mount_options() -> dict[str, Any]:
    """Keyword arguments of `gr.mount_gradio_app` that every page of ours needs."""
    return {
        "theme": _theme(),
        "css_paths": [_HERE / "look.css"],
        "head": f"<script>{(_HERE / 'look.js').read_text(encoding='utf-8')}</script>",
        "footer_links": [],
        # Questions may hold what nobody should find in a browser's history.
        "run_history": False,
        "show_error": False,
    }


def _theme() -> gr.themes.Base:
    """Gradio's default with system fonts, and with text and buttons dark enough to be read (WCAG AA: 4.5 to 1)."""
    return gr.themes.Default(primary_hue="teal", secondary_hue="teal", neutral_hue="slate", font=_FONTS, font_mono=_MONO).set(
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_600",
        button_primary_text_color="white",
        button_cancel_background_fill="#b91c1c",
        button_cancel_background_fill_hover="#991b1b",
        button_cancel_background_fill_dark="#b91c1c",
        button_cancel_background_fill_hover_dark="#991b1b",
        button_cancel_text_color="white",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
        color_accent="*primary_700",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        block_label_text_color="*neutral_700",
        block_title_text_color="*neutral_700",
        block_title_text_color_dark="*neutral_200",
    )


def header(title: str, name: str, links: tuple[tuple[str, str], ...]) -> str:
    """The bar on top: who we are, who you are, where else to go."""
    anchors = "".join(f'<a href="{escape(path)}">{escape(label)}</a>' for label, path in (*links, ("Sign out", "/logout")))
    who = f'<span class="bb-who">{escape(name)}</span>' if name else ""
    return f'<header class="bb-header"><h1>{escape(title)}</h1><nav aria-label="Pages">{who}{anchors}</nav></header>'


def problem(error: AppError, page: str) -> str:
    """One clear sentence about what went wrong; an ended session comes with the way back in."""
    sentence = f"{str(error).rstrip('.')}."
    link = f' <a href="/login?next={escape(page)}">Sign in again</a>' if isinstance(error, NotSignedIn) else ""
    return f'<div class="bb-problem" role="alert">{escape(sentence)}{link}</div>'


def confirmation(sentence: str) -> str:
    return f'<div class="bb-done" role="status">{escape(sentence)}</div>'
