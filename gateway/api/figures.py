"""Routes of the figures: for the office all of them, for anybody the public ones; as JSON or as CSV (J-7)."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from gateway.api import access, schemas
from gateway.api.office_access import Viewer
from gateway.api.problems import Responses, documented
from gateway.flow import figures
from gateway.flow.errors import NotFound

router = APIRouter(prefix="/v1/{currency}/office/figures", tags=["office"])
public_router = APIRouter(
    prefix="/v1/{currency}/figures", tags=["public"], dependencies=[Depends(access.anonymous)]
)


class Form(StrEnum):
    """As what a figure is given."""

    JSON = "json"
    CSV = "csv"


class Column(BaseModel):
    """A column and what it holds."""

    name: str
    kind: figures.Kind


class FigureOut(BaseModel):
    """A figure: the same rows that its CSV holds."""

    figure: figures.Figure
    since: date
    until: date
    made_at: datetime | None = Field(description="When its days were summed up; null for a figure of now.")
    columns: list[Column]
    rows: list[dict[str, Any]] = Field(description="By column name; won are integers, days ISO 8601.")


_CSV: Responses = {200: {"content": {"text/csv": {"example": "day,issued_won\r\n2026-11-24,300000\r\n"}}}}
_Since = Annotated[date | None, Query(description="First day (KST); default 31 days to `until`.")]
_Until = Annotated[date | None, Query(description="Last day (KST); default today.")]


@router.get(
    "/{figure}",
    response_model=FigureOut,
    responses=_CSV | documented("unauthenticated", "not-allowed"),
    summary="A figure for the office",
)
async def for_office(
    city: access.City,
    official: Viewer,
    figure: figures.Figure,
    since: _Since = None,
    until: _Until = None,
    form: Annotated[Form, Query(alias="format")] = Form.JSON,
) -> Any:
    """Sums; nothing of a person."""
    return _answer(city.code, await figures.read(city, figure, since, until), form)


@public_router.get(
    "/{figure}",
    response_model=FigureOut,
    responses=_CSV | documented(),
    summary="A figure for anybody",
)
async def for_anybody(
    city: access.City,
    figure: figures.Figure,
    since: _Since = None,
    until: _Until = None,
    form: Annotated[Form, Query(alias="format")] = Form.JSON,
) -> Any:
    """Circulation, programmes and the reserve; the others are the office's."""
    if figure not in figures.PUBLIC:
        raise NotFound("No such public figure.")
    return _answer(city.code, await figures.read(city, figure, since, until), form)


def _answer(code: str, table: figures.Table, form: Form) -> FigureOut | Response:
    if form is Form.CSV:
        name = f"{code}-{table.figure}-{table.since}-{table.until}.csv"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(as_csv(table), media_type="text/csv; charset=utf-8", headers=headers)
    return FigureOut(
        figure=table.figure,
        since=table.since,
        until=table.until,
        made_at=schemas.rfc3339_or_none(table.made_at),
        columns=[Column(name=name, kind=kind) for name, kind in table.columns.items()],
        rows=[dict(row) for row in table.rows],
    )


def as_csv(table: figures.Table) -> bytes:
    """RFC 4180, with the byte-order mark by which spreadsheets know UTF-8. Words that a spreadsheet would
    take for a formula get an apostrophe before them (J-8)."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(table.columns)
    for row in table.rows:
        writer.writerow([_cell(row[name], kind) for name, kind in table.columns.items()])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _cell(value: figures.Value, kind: figures.Kind) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    told = str(value)
    if kind is figures.Kind.TEXT:
        told = " ".join(told.split())  # no line of its own, no tabulator
        return "'" + told if told.startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠")) else told
    return told
