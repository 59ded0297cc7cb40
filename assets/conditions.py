"""The conditions under which assets follow their inputs by themselves (sensor `follow_the_data`)."""

import dagster as dg

# A failed blocking check stops its own run only. An automatic run must look at it too.
when_inputs_change = dg.AutomationCondition.eager() & dg.AutomationCondition.all_deps_blocking_checks_passed()

# Not eager(): it waits until every recipe was trained at least once, and a leaderboard of some is useful.
# A new training set is no result: each recipe is evaluated on it first.
when_a_result_arrives = (
    dg.AutomationCondition.any_deps_updated().ignore(dg.AssetSelection.assets("training_set")).since_last_handled()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
).with_label("when a result arrives")
