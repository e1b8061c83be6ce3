import math
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from alignment.grpo.panels import PANELS, cosines, divergence, multipliers, rewards
from alignment.grpo.plots import SHEET, plot_run, run_sheet
from core.types import Capability

NAMES = ["domain", "safety", "anchor:domain"]


def row(step, **values):
    return {"step": step, **values}


def panel(draw, rows):
    axes = Figure().subplots()
    draw(axes, rows)
    return axes


def test_a_run_is_one_sheet_and_a_file_for_each_panel(tmp_path):
    rows = [row(n, rewards={c.value: n / 10 for c in Capability}, kl=0.01) for n in range(1, 5)]
    paths = plot_run(rows, tmp_path / "new" / "plots")
    assert paths[0].name == SHEET
    assert {p.stem for p in paths[1:]} == set(PANELS)
    assert all(p.read_bytes().startswith(b"\x89PNG") for p in paths)


def test_equal_rows_give_equal_pictures():
    rows = [row(1, rewards={"safety": 0.5})]
    assert run_sheet(rows) == run_sheet(rows)


numbers = st.one_of(st.none(), st.floats(0.0, 1.0))
by_name = st.dictionaries(st.sampled_from([*NAMES, "something new"]), numbers, max_size=4)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"step": st.integers(1, 99)},
            optional=dict.fromkeys(("rewards", "weights", "multipliers", "capability_weights", "betas", "kl_by_capability", "gradient_norms"), by_name)
            | dict.fromkeys(("never", "always", "zero_variance", "conflict_rate", "projected_away", "min_norm", "kl"), numbers)
            | {key: st.dictionaries(st.sampled_from(NAMES), by_name, max_size=2) for key in ("components", "component_weights")}
            | {"objectives": st.just(NAMES), "ceiling": st.just([None, 0.4, 0.1]), "cosines": st.just([[1.0, -0.5, None], [-0.5, 1.0, 0.1], [None, 0.1, 1.0]])},
        ),
        max_size=3,
        unique_by=lambda r: r["step"],
    )
)
@settings(max_examples=8, deadline=None)
def test_every_panel_draws_whatever_a_recipe_reports_or_leaves_out(rows):
    for draw in PANELS.values():
        panel(draw, sorted(rows, key=lambda r: r["step"]))


def test_a_step_without_a_number_is_no_point_of_its_curve():
    axes = panel(rewards, [row(1, rewards={"safety": 0.5, "domain": None}), row(2, rewards={"safety": 0.7}), row(3)])
    assert [list(line.get_xdata()) for line in axes.lines] == [[1, 2], [1, 2]]  # the steps themselves, and their mean
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["safety"]


def test_cosines_are_means_by_pair_with_the_noise_ceiling_on_the_diagonal():
    rows = [
        row(1, objectives=["safety", "domain"], cosines=[[1.0, -0.2], [-0.2, 1.0]], ceiling=[0.4, None]),
        row(2, objectives=["domain", "safety"], cosines=[[1.0, -0.4], [-0.4, 1.0]], ceiling=[0.1, 0.2]),
        row(3, objectives=["domain"], cosines=[[1.0]], ceiling=[None]),
    ]
    drawn = panel(cosines, rows).images[0].get_array()
    assert [[round(float(v), 6) for v in line] for line in drawn] == [[0.1, -0.3], [-0.3, 0.3]]


def test_an_unknown_ceiling_is_a_gap_not_a_one():
    drawn = panel(cosines, [row(1, objectives=["domain"], cosines=[[1.0]])])
    assert not drawn.images or math.isnan(float(drawn.images[0].get_array()[0, 0]))


def test_of_many_objectives_each_capability_is_named_once():
    names = [f"{capability}/{component}" for capability in ("domain", "safety") for component in "abcdef"]
    axes = panel(multipliers, [row(1, multipliers=dict.fromkeys(names, 0.1))])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["domain", "safety"]


def test_kl_says_how_its_weight_moved():
    rows = [row(n, kl_by_capability={"safety": 0.1 * n}, betas={"safety": 0.02 * n}) for n in (1, 2)]
    assert panel(divergence, rows).get_legend().get_texts()[0].get_text() == "safety (β 0.02 → 0.04)"


@pytest.mark.parametrize("draw", PANELS.values(), ids=PANELS)
def test_what_was_not_measured_is_said(draw):
    assert "not measured" in panel(draw, []).texts[0].get_text()


def test_drawing_needs_no_torch_and_the_app_starts_without_matplotlib():
    code = "import sys, alignment.grpo.plots; assert 'torch' not in sys.modules; import app.gateway.rounds, app.cli.rounds"
    subprocess.run([sys.executable, "-c", code], check=True)
    code = "import sys, app.gateway.rounds, app.cli.rounds; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
