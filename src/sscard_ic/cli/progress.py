"""A progress bar for long work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from sscard_ic.base.errors import Text
from sscard_ic.cli.common import language, stderr_console


class Bar:
    """Advances a bar and speaks to the person beside it; from any thread."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task
        # The context that knows the language belongs to the thread of the command.
        self._language = language()

    def __call__(self, count: int) -> None:
        """So many more are done."""
        self._progress.advance(self._task, count)

    def tell(self, text: Text) -> None:
        """A message on a line of its own, above the bar where there is one."""
        self._progress.console.print(
            text.to(self._language), markup=False, highlight=False, soft_wrap=True
        )


@contextmanager
def progress(what: str, total: int) -> Iterator[Bar]:
    """A bar while standard error is a terminal; gives the function that advances it."""
    console = stderr_console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
    ) as bar:
        yield Bar(bar, bar.add_task(what, total=total))
