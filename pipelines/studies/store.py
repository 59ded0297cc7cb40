"""A study in its database: planned once, joined by raters, answered trial by trial, read as one table.

Each call is one transaction that holds whole or not at all, and writers wait for one another: what two raters, or two
windows of one rater, do at once is lost by neither. A rater who comes back goes on at the first unanswered trial.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256

import pandas as pd
from sqlalchemy import func, inspect, select
from sqlalchemy.exc import NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session, aliased

from pipelines.studies.database import database_url, make_tables, open_engine
from pipelines.studies.plan import GRAY, TRUTH, Item, PlanParams, Trial, blind_items, rater_order
from pipelines.studies.questions import Question, study_questions
from pipelines.studies.study import (
    AnsweredError,
    Gold,
    Shown,
    ShownTrial,
    Study,
    require_asked,
    require_complete,
    study_fingerprint,
)
from pipelines.studies.tables import AnswerRow, AssignmentRow, ItemRow, PictureRow, RaterRow, StudyRow

COLUMNS = (
    "rater", "position", "purpose", "picture", "title", "genre", "method", "right_method", "question", "value",
    "seconds",
)  # fmt: skip


class StudyStore:
    """The studies of one database. Safe in several threads and processes at once."""

    def __init__(self, url: str, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Url: of SQLAlchemy, e.g. sqlite:////path/studies.db or postgresql+psycopg://user@host/base."""
        self._engine = open_engine(url)
        self._clock = clock

    def close(self) -> None:
        """Closes the connections."""
        self._engine.dispose()

    def plan(
        self, name: str, params: PlanParams, shown: Sequence[Shown], golds: Sequence[Gold], methods: dict[str, str]
    ) -> Study:
        """Stores a study of these pictures.

        Raises ValueError where the parameters do not fit the pictures, and where a study of this name shows anything
        else; the same again changes nothing.
        """
        require_complete(name, params, shown, golds, methods)
        questions = study_questions(params.kind, with_hints=params.with_hints)
        files = {(one.candidate.picture, method, False): png for one in shown for method, png in one.outputs.items()}
        files |= {(gold.candidate.picture, TRUTH, True): gold.truth for gold in golds}
        files |= {(gold.candidate.picture, GRAY, True): gold.gray for gold in golds}
        given = {one.candidate.picture: one.given for one in (*golds, *shown) if one.given is not None}
        items = blind_items(
            ((picture, method) for picture, method, is_gold in files if not is_gold),
            ((picture, method) for picture, method, is_gold in files if is_gold),
            seed=params.seed,
        )
        rater_order(items, params, 0)  # raises where the parameters ask for too many repeats
        candidates = {one.candidate.picture: one.candidate for one in (*golds, *shown)}
        study = Study(name, params, questions, methods, study_fingerprint(params, questions, files, given))
        with self._transaction() as session:
            make_tables(session.connection())
            known = session.scalar(select(StudyRow).where(StudyRow.name == name))
            if known:
                if known.fingerprint != study.fingerprint:
                    raise ValueError(f"there is a study {name!r} already that shows something else: take another name")
                return _study(known)
            row = StudyRow(
                name=name,
                params=params.model_dump(mode="json"),
                questions=[asdict(question) for question in questions],
                methods=methods,
                fingerprint=study.fingerprint,
                planned_at=self._clock(),
            )
            session.add(row)
            stored = {png: _stored(session, png) for png in {*files.values(), *given.values()}}
            session.flush()
            for item in items:
                candidate, beside = candidates[item.picture], given.get(item.picture)
                session.add(
                    ItemRow(
                        study_id=row.id,
                        **asdict(item),
                        title=candidate.title,
                        genre=candidate.genre,
                        output_sha256=stored[files[item.picture, item.method, item.is_gold]],
                        given_sha256=stored[beside] if beside else None,
                    )
                )
        return study

    def studies(self) -> list[Study]:
        """Every planned study, by name."""
        if not inspect(self._engine).has_table(StudyRow.__tablename__):
            return []
        with self._transaction() as session:
            return [_study(row) for row in session.scalars(select(StudyRow).order_by(StudyRow.name))]

    def study(self, name: str) -> Study:
        """One study. Raises ValueError where there is none of this name."""
        known = {study.name: study for study in self.studies()}
        if name not in known:
            there_are = f"there are: {', '.join(known)}" if known else "none is planned yet"
            raise ValueError(f"no study {name!r}; {there_are} (tintoon study plan)")
        return known[name]

    def withdraw(self, shows: Callable[[str, str], bool], blank: bytes) -> int:
        """Puts a blank picture in the place of those that show what was dropped; answers stay.

        shows: Called with title and name of a picture. blank: An encoded picture. Returns the number of pictures. One
        that is shown under another name too, with the same bytes, goes there as well.
        """
        if not inspect(self._engine).has_table(ItemRow.__tablename__):
            return 0
        with self._transaction() as session:
            items = [item for item in session.scalars(select(ItemRow)) if shows(item.title, item.picture)]
            digests = {digest for item in items for digest in (item.output_sha256, item.given_sha256) if digest}
            rows = [session.get_one(PictureRow, digest) for digest in digests]
            going = [row for row in rows if row.png != blank]
            for row in going:
                row.png = blank
            return len(going)

    def next_trial(self, study: Study, rater: str) -> ShownTrial | None:
        """The next trial of a rater: the first one without an answer; None when all are answered.

        A rater who comes for the first time joins. Notes when the trial was shown. Raises ValueError for a name that
        is empty or longer than 100 characters.
        """
        with self._transaction() as session:
            row = self._joined(session, study, rater)
            assignment = session.scalar(
                select(AssignmentRow)
                .where(AssignmentRow.rater_id == row.id)
                .where(~select(AnswerRow.id).where(AnswerRow.assignment_id == AssignmentRow.id).exists())
                .order_by(AssignmentRow.position)
                .limit(1)
            )
            if assignment is None:
                return None
            assignment.shown_at = self._clock()
            trials = session.scalar(select(func.count()).where(AssignmentRow.rater_id == row.id)) or 0
            sides = (assignment.item_id, assignment.right_item_id)
            items = [session.get_one(ItemRow, side) for side in sides if side is not None]
            given = items[0].given_sha256
            return ShownTrial(
                assignment.position,
                trials,
                tuple(session.get_one(PictureRow, item.output_sha256).png for item in items),
                session.get_one(PictureRow, given).png if given else None,
                study.questions,
            )

    def answer(self, study: Study, rater: str, position: int, answers: dict[str, int]) -> None:
        """Stores a rater's answers to all questions of one trial that was shown.

        An answer stands, since first impressions are what is asked for: the same answers again (a page that sends
        twice) change nothing, others raise AnsweredError. Raises ValueError for a trial that was not shown, and for
        answers that are not exactly what was asked.
        """
        require_asked(study, answers)
        with self._transaction() as session:
            row = self._rater(session, study, rater)
            assignment = row and session.scalar(
                select(AssignmentRow).where(AssignmentRow.rater_id == row.id, AssignmentRow.position == position)
            )
            if not assignment or assignment.shown_at is None:
                raise ValueError(
                    f"{study.name}: trial {position} was not shown to {rater!r}; ask for the next one first"
                )
            found = session.scalars(select(AnswerRow).where(AnswerRow.assignment_id == assignment.id))
            known = {answer.question: answer.value for answer in found}
            if known and known != answers:
                raise AnsweredError(f"{study.name}: {rater!r} answered trial {position} already, and that stands")
            if not known:
                now = self._clock()
                session.add_all(
                    AnswerRow(assignment_id=assignment.id, question=question, value=value, answered_at=now)
                    for question, value in answers.items()
                )

    def answers(self, study: Study) -> pd.DataFrame:
        """Every answer, one a row, with COLUMNS, by rater and position.

        `right_method` is None where one picture is shown at a time; there `method` is the left one's. `seconds` are
        those from the trial's last showing to its answer.
        """
        left, right = aliased(ItemRow), aliased(ItemRow)
        query = (
            select(
                RaterRow.name.label("rater"),
                AssignmentRow.position,
                AssignmentRow.purpose,
                left.picture,
                left.title,
                left.genre,
                left.method,
                right.method.label("right_method"),
                AnswerRow.question,
                AnswerRow.value,
                AssignmentRow.shown_at,
                AnswerRow.answered_at,
            )
            .join(AssignmentRow, AssignmentRow.id == AnswerRow.assignment_id)
            .join(RaterRow, RaterRow.id == AssignmentRow.rater_id)
            .join(StudyRow, StudyRow.id == RaterRow.study_id)
            .join(left, left.id == AssignmentRow.item_id)
            .outerjoin(right, right.id == AssignmentRow.right_item_id)
            .where(StudyRow.name == study.name)
            .order_by(RaterRow.number, AssignmentRow.position, AnswerRow.id)
        )
        with self._transaction() as session:
            rows = [row._asdict() for row in session.execute(query)]
        for row in rows:
            row["seconds"] = (row["answered_at"] - row["shown_at"]).total_seconds()
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def progress(self, study: Study) -> pd.DataFrame:
        """Each rater who joined: columns `rater`, `answered` and `trials`, in the order of joining."""
        answered = select(AnswerRow.id).where(AnswerRow.assignment_id == AssignmentRow.id).exists()
        query = (
            select(
                RaterRow.name.label("rater"),
                func.count().filter(answered).label("answered"),
                func.count().label("trials"),
            )
            .join(StudyRow, StudyRow.id == RaterRow.study_id)
            .join(AssignmentRow, AssignmentRow.rater_id == RaterRow.id)
            .where(StudyRow.name == study.name)
            .group_by(RaterRow.id, RaterRow.name, RaterRow.number)
            .order_by(RaterRow.number)
        )
        with self._transaction() as session:
            rows = [row._asdict() for row in session.execute(query)]
        return pd.DataFrame(rows, columns=["rater", "answered", "trials"])

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        with Session(self._engine) as session, session.begin():
            yield session

    def _rater(self, session: Session, study: Study, name: str) -> RaterRow | None:
        """Locked: the windows of one rater wait for one another."""
        return session.scalar(
            select(RaterRow)
            .join(StudyRow, StudyRow.id == RaterRow.study_id)
            .where(StudyRow.name == study.name, RaterRow.name == name)
            .with_for_update(of=RaterRow)
        )

    def _joined(self, session: Session, study: Study, name: str) -> RaterRow:
        """The rater, with assignments; made where there is none."""
        if not name.strip() or len(name) > 100:
            raise ValueError(f"rater {name[:100]!r}: expected a name of 1 to 100 characters")
        known = self._rater(session, study, name)
        if known:
            return known
        # Two raters who join at once wait for one another here: numbers have no gap, and a name is there once.
        row = session.scalars(select(StudyRow).where(StudyRow.name == study.name).with_for_update()).one()
        known = self._rater(session, study, name)
        if known:
            return known
        number = session.scalar(select(func.count()).where(RaterRow.study_id == row.id)) or 0
        rater = RaterRow(study_id=row.id, name=name, number=number, joined_at=self._clock())
        session.add(rater)
        session.flush()
        items = session.scalars(select(ItemRow).where(ItemRow.study_id == row.id).order_by(ItemRow.code)).all()
        ids = {item.code: item.id for item in items}
        order = rater_order([Item(i.code, i.picture, i.method, i.is_gold) for i in items], study.params, number)
        session.add_all(_assignment(rater, position, trial, ids) for position, trial in enumerate(order, 1))
        session.flush()
        return rater


def _stored(session: Session, png: bytes) -> str:
    """Adds a picture where it is not there yet; its digest."""
    digest = sha256(png).hexdigest()
    if session.get(PictureRow, digest) is None:
        session.add(PictureRow(sha256=digest, png=png))
    return digest


def _assignment(rater: RaterRow, position: int, trial: Trial, ids: dict[str, int]) -> AssignmentRow:
    left, right = (*trial.codes, None)[:2]
    return AssignmentRow(
        rater_id=rater.id,
        position=position,
        item_id=ids[left] if left else None,
        right_item_id=ids[right] if right else None,
        purpose=trial.purpose,
    )


def _study(row: StudyRow) -> Study:
    questions = tuple(Question(**question) for question in row.questions)
    return Study(row.name, PlanParams.model_validate(row.params), questions, row.methods, row.fingerprint)


@contextmanager
def open_studies(url: str) -> Iterator[StudyStore]:
    """The database of a URL, opened. No error message contains its password.

    Raises ValueError for what is no URL, RuntimeError for a database that cannot be reached.
    """
    place = database_url(url)
    try:
        store = StudyStore(place.render_as_string(hide_password=False))
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        remedy = 'install its driver (for PostgreSQL: pip install -c constraints.txt -e ".[postgres]")'
        raise RuntimeError(f"{place}: {error}; {remedy}") from None
    try:
        yield store
    except OperationalError as error:
        raise RuntimeError(f"{place}: {str(error.orig).splitlines()[0]}; is the database there, and up?") from None
    finally:
        store.close()
