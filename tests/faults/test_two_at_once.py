"""The same command twice at the same time: each ends well or in one clear line, and nothing is doubled."""

import random
from pathlib import Path

from tests.faults.commands import Commands
from tests.faults.homes import GROUPS, SMALL, undisturbed
from tests.faults.rounds import look_at, record, unclear


def test_two_processes_at_once(commands: Commands, tmp_path: Path, seed: int, is_long: bool):
    """Two that collect, two that select, two that train and promote; in the short form one of these, by the seed."""
    numbers = [*range(len(GROUPS))] * 3 if is_long else [random.Random(f"{seed} two").randrange(len(GROUPS))]
    for number in numbers:
        group = undisturbed(commands, number)
        home = group.home(tmp_path / "home")
        both = [commands.start(home, "run", *group.stages, *SMALL) for _ in range(2)]
        codes = [one.wait() for one in both]
        said = "\n".join(one.errors for one in both)  # once both have ended
        assert sorted(codes) in ([0, 0], [0, 1]), said
        wrong = sum(unclear(one.errors, code) for one, code in zip(both, codes, strict=True))
        assert wrong == 0, said
        if is_long:  # what one of them was refused, the next one does
            again = commands.start(home, "run", *group.stages, *SMALL)
            assert again.wait() == 0, again.errors
        what = f"two at once: {group.stages[0]} ({'both' if sum(codes) == 0 else 'one refused'})"
        record(look_at(what, home, group.pages, group.done, wrong))
