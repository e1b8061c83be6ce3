import gradio as gr


def build() -> gr.Blocks:
    with gr.Blocks(title="BalancedBio admin", analytics_enabled=False) as page:
        gr.HTML("soon")
    return page
