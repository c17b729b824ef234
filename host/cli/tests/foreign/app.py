"""The module acme:notes in Python, by `componentize-py` from the guest world that
`interstice codegen --wit` writes."""

from componentize_py_types import Err
from wit_world.exports.notes import NoteError_Empty, NoteError_NoSuchNote
from wit_world.imports import note_table
from wit_world.imports.tables import Note


class Notes:
    def write(self, author: str, text: str) -> int:
        if not text:
            raise Err(NoteError_Empty())
        return note_table.insert(Note(0, author, text, None)).id

    def rate(self, id: int, stars: int) -> None:
        note = note_table.get(id)
        if note is None:
            raise Err(NoteError_NoSuchNote(id))
        note.stars = stars
        note_table.update(note)

    def by(self, author: str) -> list[Note]:
        return note_table.scan_by_author(author, True, 0)
