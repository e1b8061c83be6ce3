"""How a round begins, whoever asks for it: recipe and gate policy are frozen into its row before anything of it is made."""

from sqlalchemy.orm import Session

from alignment.recipe import load_recipe, require_independent_judge
from core import audit, store
from core.db import send_after_commit
from core.errors import RecipeError
from core.jobs import ROUND_TRAIN
from core.settings import settings
from core.tables import Round
from evals.policy import load_policy


def open_round(session: Session, requested_by: str, recipe_name: str = "") -> Round:
    """The new round, queued when the caller's transaction commits; without a name it gets the recipe of the settings.

    Raises RecipeError when recipe or policy cannot be used here, Conflict while another round runs.
    """
    recipe = load_recipe(recipe_name or settings().round_recipe)
    if recipe.lora_rank > settings().lora_rank:
        raise RecipeError(f"lora_rank: {recipe.lora_rank} is more than vLLM accepts here ({settings().lora_rank}); lower it or raise LORA_RANK")
    policy = load_policy(settings().gate_policy)
    # A reply that ended after its conversation had settled would not count, and slow ones are those that do.
    if policy.canary and 60.0 * policy.canary.settle_minutes <= settings().request_timeout_seconds:
        raise RecipeError(f"canary: settle_minutes must be longer than a reply may take (REQUEST_TIMEOUT_SECONDS, {settings().request_timeout_seconds:.0f} s)")
    for served_at in settings().vllm_replicas.values():
        require_independent_judge(recipe, policy, served_at)
    row = store.add_round(session, recipe.model_dump(mode="json"), policy.model_dump(mode="json"), requested_by)
    audit.record(session, requested_by, "round.start", row.id, recipe=recipe.hash, policy=policy.hash)
    send_after_commit(session, ROUND_TRAIN, row.id)
    return row
