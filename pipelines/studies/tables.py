"""The tables of rating studies, in any database that SQLAlchemy knows; used with SQLite and PostgreSQL.

    study        its parameters, questions, methods, and a fingerprint of all that is shown
    picture      encoded pictures by digest: a study needs no file beside its database
    item         a picture by a method, under a blind code
    rater        a person who takes part, in the order of joining
    assignment   what a rater is shown, in order
    answer       one whole number for one question about one assignment

Times are UTC.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class UtcTime(TypeDecorator[datetime]):
    """A moment, kept as UTC without a zone: SQLite has none."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database. Raises ValueError for a time without a zone."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value}: a time without a zone")
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        return value and value.replace(tzinfo=UTC)


class Table(DeclarativeBase):
    """The base of the tables."""

    type_annotation_map = {datetime: UtcTime, dict[str, Any]: JSON, list[dict[str, Any]]: JSON, bytes: LargeBinary}  # noqa: RUF012


class StudyRow(Table):
    """One study."""

    __tablename__ = "study"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    params: Mapped[dict[str, Any]] = mapped_column("rule")  # the column's name in databases of earlier versions
    questions: Mapped[list[dict[str, Any]]]
    """As they were worded."""
    methods: Mapped[dict[str, Any]]
    """The origin of each method's pictures."""
    fingerprint: Mapped[str] = mapped_column(String(64))
    planned_at: Mapped[datetime]


class PictureRow(Table):
    """One encoded picture, whole."""

    __tablename__ = "picture"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    png: Mapped[bytes]


class ItemRow(Table):
    """One picture by one method."""

    __tablename__ = "item"
    __table_args__ = (
        UniqueConstraint("study_id", "code"),
        UniqueConstraint("study_id", "picture", "method", "is_gold"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    code: Mapped[str] = mapped_column(String(8))
    picture: Mapped[str]
    title: Mapped[str]
    genre: Mapped[str]
    method: Mapped[str]
    is_gold: Mapped[bool]
    output_sha256: Mapped[str] = mapped_column(ForeignKey("picture.sha256"))
    given_sha256: Mapped[str | None] = mapped_column(ForeignKey("picture.sha256"))
    """The input with its hints, where raters see it beside the pictures."""


class RaterRow(Table):
    """One rater of one study."""

    __tablename__ = "rater"
    __table_args__ = (UniqueConstraint("study_id", "name"), UniqueConstraint("study_id", "number"))

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    name: Mapped[str] = mapped_column(String(100))
    number: Mapped[int]
    joined_at: Mapped[datetime]


class AssignmentRow(Table):
    """One trial of one rater."""

    __tablename__ = "assignment"
    __table_args__ = (UniqueConstraint("rater_id", "position"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    rater_id: Mapped[int] = mapped_column(ForeignKey("rater.id"))
    position: Mapped[int]
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"))
    """The only one, or the left one."""
    right_item_id: Mapped[int | None] = mapped_column(ForeignKey("item.id"))
    purpose: Mapped[str] = mapped_column(String(6))
    shown_at: Mapped[datetime | None]
    """The time when it was last shown."""


class AnswerRow(Table):
    """One answer. It stands: see `store.StudyStore.answer`."""

    __tablename__ = "answer"
    __table_args__ = (UniqueConstraint("assignment_id", "question"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignment.id"))
    question: Mapped[str] = mapped_column(String(40))
    value: Mapped[int]
    answered_at: Mapped[datetime]
