"""The loops that cut CSV into records and cells (RFC 4180), compiled by Numba."""

from __future__ import annotations

import numba

GOOD, UNCLOSED, AFTER_QUOTE, NUL = 0, 1, 2, 3
PLAIN, QUOTED, DOUBLED = 0, 1, 2

_compiled = numba.njit(cache=True, nogil=True)

_NEWLINE, _RETURN = 10, 13


@_compiled
def scan(letters, is_last, limit, separator, quote, slots, records, cells):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Fills `records` and `cells` from whole records; returns (how many, bytes consumed, lines consumed).

    `records` is [5, n]: start, end, line (from 0), number of fields, flag. `cells` is [3, slots, n]: start, end,
    how it is quoted. `slots[column]` is the slot of a column or -1. A record whose quote is not closed within
    `limit` bytes is taken to end with its first line.
    """
    size, place, count, line = len(letters), 0, 0, 0
    while place < size:
        if letters[place] == _NEWLINE or (
            letters[place] == _RETURN and place + 1 < size and letters[place + 1] == _NEWLINE
        ):
            place += 1 if letters[place] == _NEWLINE else 2
            line += 1
            continue
        start, first_break, lines, fields, flag = place, -1, 0, 0, GOOD
        is_ended = False
        while not is_ended:
            # One cell.
            begin, kind = place, PLAIN
            is_quoted = place < size and letters[place] == quote
            if is_quoted:
                place += 1
                begin, kind = place, QUOTED
                while True:
                    if place >= size:
                        break
                    letter = letters[place]
                    if letter == quote:
                        if place + 1 < size and letters[place + 1] == quote:
                            kind = DOUBLED
                            place += 2
                            continue
                        break
                    if letter == _NEWLINE:
                        lines += 1
                        if first_break < 0:
                            first_break = place
                    elif letter == 0:
                        flag = NUL
                    place += 1
                if place >= size or (place + 1 >= size and not is_last):
                    if not is_last and (size - start) <= limit:
                        return count, start, line
                    if place >= size:
                        flag = UNCLOSED
                        break
                stop = place
                place += 1
                if place < size and letters[place] == _RETURN:
                    if place + 1 < size and letters[place + 1] == _NEWLINE:
                        place += 1
                    elif place + 1 >= size and not is_last:
                        return count, start, line
                while place < size and letters[place] != separator and letters[place] != _NEWLINE:
                    if flag == GOOD and not (is_last and place == size - 1 and letters[place] == _RETURN):
                        flag = AFTER_QUOTE
                    place += 1
            else:
                while place < size and letters[place] != separator and letters[place] != _NEWLINE:
                    if letters[place] == 0:
                        flag = NUL
                    place += 1
                stop = place
                is_line_end = place >= size or letters[place] == _NEWLINE
                if is_line_end and stop > begin and letters[stop - 1] == _RETURN:
                    stop -= 1
            if place >= size and not is_last:
                return count, start, line
            if fields < len(slots) and slots[fields] >= 0:
                cells[0, slots[fields], count] = begin
                cells[1, slots[fields], count] = stop
                cells[2, slots[fields], count] = kind
            fields += 1
            is_ended = place >= size or letters[place] == _NEWLINE
            if not is_ended:
                place += 1
        if flag == UNCLOSED:
            place = size if first_break < 0 else first_break
            lines = 0
        end = place
        if end > start and letters[end - 1] == _RETURN:
            end -= 1
        records[0, count], records[1, count], records[2, count] = start, end, line
        records[3, count], records[4, count] = fields, flag
        count += 1
        line += lines
        if place < size:
            place += 1
            line += 1
    return count, size, line


@_compiled
def gather(letters, starts, ends, kinds, quote, offsets, content):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Copies cells one after the other, doubled quotes as one. Fills `offsets`; returns the bytes written."""
    place = 0
    for row in range(len(starts)):
        offsets[row] = place
        start, end = starts[row], ends[row]
        if kinds[row] != DOUBLED:
            for index in range(start, end):
                content[place] = letters[index]
                place += 1
        else:
            index = start
            while index < end:
                content[place] = letters[index]
                place += 1
                index += 2 if letters[index] == quote else 1
    offsets[len(starts)] = place
    return place
