"""The loops that take lines of JSON apart, compiled by Numba.

Each line must be an object. Its values become tokens: row, path, type, and where the value stands. Whatever is not
plainly right (bad syntax, a key twice, a key with an escape, too deep) marks the row as odd, and it is for others.
"""

from __future__ import annotations

import numba
import numpy as np

TEXT, ESCAPED, NUMBER, TRUE, FALSE, ITEMS, NOTHING = 1, 2, 3, 4, 5, 6, 7
"""Types of tokens. ESCAPED is a text with escapes in it."""

MOST_PATHS = 2**15
"""Paths known at a time; a row with more of them is odd."""

LONGEST_NAMES = 2**20
"""Letters of all keys together."""

DEEPEST, DEEPEST_LIST = 16, 32
"""Levels of objects, and of what is in a list; deeper ones are odd."""

LONGEST_NUMBER = 100
"""Digits of a number, and so no number is read here that is too large for a double."""

_compiled = numba.njit(cache=True, nogil=True)

_QUOTE, _BACKSLASH, _COMMA, _COLON = 34, 92, 44, 58
_OPEN, _CLOSE, _OPEN_LIST, _CLOSE_LIST = 123, 125, 91, 93
_MINUS, _PLUS, _POINT, _ZERO, _NINE = 45, 43, 46, 48, 57
_U, _T, _F, _N = 117, 116, 102, 110

_ENDS_RUN = np.zeros(256, np.bool_)
"""Letters at which a run of ordinary letters of a text ends."""
_ENDS_RUN[:32] = _ENDS_RUN[_QUOTE] = _ENDS_RUN[_BACKSLASH] = True

_BASIS, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_SPREAD, _HALF = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)


@_compiled
def scan(letters, starts, ends, paths, names, table, tokens, odd):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Fills `tokens` [5, n] (row, path, type, start, end) and `odd`; returns how many tokens there are.

    `paths` [6, MOST_PATHS] is: parent, start and end of the key in `names`, last row seen in, the path that came
    next when it was seen last, and in [5, 0] the number of paths, in [5, 1] the letters of `names` in use.
    Path 0 is the line itself. `table` finds paths.
    """
    count = 0
    for row in range(len(starts)):
        if not odd[row]:
            found = _scan_line(letters, starts[row], ends[row], row, paths, names, table, tokens, count)
            if found < 0:
                odd[row] = True
            else:
                count = found
    return count


@_compiled
def _scan_line(letters, place, end, row, paths, names, table, tokens, count):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """The number of tokens after a line, or -1 when it is odd."""
    above = np.empty(DEEPEST + 1, np.int64)
    place = _skip(letters, place, end)
    if place >= end or letters[place] != _OPEN:
        return -1
    depth, holder, last, place = 0, 0, 0, _skip(letters, place + 1, end)
    if place < end and letters[place] == _CLOSE:
        return count if _skip(letters, place + 1, end) == end else -1
    while True:
        # A key.
        if place >= end or letters[place] != _QUOTE:
            return -1
        key = place + 1
        place, is_plain = _text_end(letters, key, end)
        if place < 0 or not is_plain:
            return -1
        path = paths[4, last]
        if not (paths[0, path] == holder and path > 0 and _is_key(letters, key, place, paths, names, path)):
            path = _path_of(letters, key, place, holder, paths, names, table)
            if path < 0:
                return -1
            paths[4, last] = path
        if paths[3, path] == row:
            return -1
        paths[3, path], last = row, path
        place = _skip(letters, place + 1, end)
        if place >= end or letters[place] != _COLON:
            return -1
        place = _skip(letters, place + 1, end)
        if place >= end:
            return -1
        # Its value.
        if letters[place] == _OPEN:
            if depth + 2 > DEEPEST:
                return -1
            next_place = _skip(letters, place + 1, end)
            if next_place < end and letters[next_place] == _CLOSE:
                place = next_place + 1
            else:
                above[depth] = holder
                depth += 1
                holder, place = path, next_place
                continue
        else:
            start = place
            place, kind = _value_end(letters, place, end)
            if place < 0:
                return -1
            is_text = kind in (TEXT, ESCAPED)
            tokens[0, count], tokens[1, count], tokens[2, count] = row, path, kind
            tokens[3, count], tokens[4, count] = start + is_text, place - is_text
            count += 1
        # What follows it.
        place = _skip(letters, place, end)
        while place < end and letters[place] == _CLOSE:
            place = _skip(letters, place + 1, end)
            if depth == 0:
                return count if place == end else -1
            depth -= 1
            holder = above[depth]
        if place >= end or letters[place] != _COMMA:
            return -1
        place = _skip(letters, place + 1, end)


@_compiled
def _skip(letters, place, end):  # type: ignore[no-untyped-def]
    while place < end and letters[place] in (32, 9, 10, 13):
        place += 1
    return place


@_compiled
def _text_end(letters, place, end):  # type: ignore[no-untyped-def]
    """(where the closing quote is, whether there is no escape); -1 when it is not a text."""
    is_plain = True
    while place < end:
        while place < end and not _ENDS_RUN[letters[place]]:
            place += 1
        if place >= end or letters[place] < 32:
            return -1, False
        if letters[place] == _QUOTE:
            return place, is_plain
        is_plain = False
        place = _escape_end(letters, place, end)
        if place < 0:
            return -1, False
    return -1, False


@_compiled
def _escape_end(letters, place, end):  # type: ignore[no-untyped-def]
    if place + 1 >= end:
        return -1
    letter = letters[place + 1]
    if letter in (34, 92, 47, 98, 102, 110, 114, 116):
        return place + 2
    if letter != _U:
        return -1
    code = _code(letters, place + 2, end)
    if code < 0 or 0xDC00 <= code <= 0xDFFF:
        return -1
    if code < 0xD800 or code > 0xDFFF:
        return place + 6
    if place + 7 >= end or letters[place + 6] != _BACKSLASH or letters[place + 7] != _U:
        return -1
    second = _code(letters, place + 8, end)
    return place + 12 if 0xDC00 <= second <= 0xDFFF else -1


@_compiled
def _code(letters, place, end):  # type: ignore[no-untyped-def]
    """What four hexadecimal digits make, or -1."""
    if place + 4 > end:
        return -1
    code = 0
    for index in range(place, place + 4):
        letter = letters[index]
        if 48 <= letter <= 57:
            digit = letter - 48
        elif 97 <= letter <= 102:
            digit = letter - 87
        elif 65 <= letter <= 70:
            digit = letter - 55
        else:
            return -1
        code = code * 16 + digit
    return code


@_compiled
def _value_end(letters, place, end):  # type: ignore[no-untyped-def]
    """(where a value that is no object ends, its type); -1 when it is none."""
    if letters[place] == _OPEN_LIST:
        return _list_end(letters, place, end), ITEMS
    return _scalar_end(letters, place, end)


@_compiled
def _scalar_end(letters, place, end):  # type: ignore[no-untyped-def]
    letter = letters[place]
    if letter == _QUOTE:
        stop, is_plain = _text_end(letters, place + 1, end)
        return (stop + 1 if stop >= 0 else -1), (TEXT if is_plain else ESCAPED)
    if letter == _MINUS or _ZERO <= letter <= _NINE:
        return _number_end(letters, place, end), NUMBER
    if letter == _T and place + 4 <= end:
        is_true = letters[place + 1] == 114 and letters[place + 2] == _U and letters[place + 3] == 101
        return (place + 4 if is_true else -1), TRUE
    if letter == _N and place + 4 <= end:
        is_null = letters[place + 1] == _U and letters[place + 2] == 108 and letters[place + 3] == 108
        return (place + 4 if is_null else -1), NOTHING
    if letter == _F and place + 5 <= end:
        is_start = letters[place + 1] == 97 and letters[place + 2] == 108
        is_false = is_start and letters[place + 3] == 115 and letters[place + 4] == 101
        return (place + 5 if is_false else -1), FALSE
    return -1, NOTHING


@_compiled
def _digits_end(letters, place, end):  # type: ignore[no-untyped-def]
    """Where digits end, or -1 when there are none."""
    start = place
    while place < end and _ZERO <= letters[place] <= _NINE:
        place += 1
    return place if place > start else -1


@_compiled
def _number_end(letters, place, end):  # type: ignore[no-untyped-def]
    begin = place
    if letters[place] == _MINUS:
        place += 1
    start = place
    place = _digits_end(letters, place, end)
    if place < 0 or (letters[start] == _ZERO and place > start + 1):
        return -1
    if place < end and letters[place] == _POINT:
        place = _digits_end(letters, place + 1, end)
        if place < 0:
            return -1
    if place < end and letters[place] in (69, 101):
        place += 1
        if place < end and letters[place] in (_PLUS, _MINUS):
            place += 1
        exponent = place
        place = _digits_end(letters, place, end)
        if place > exponent + 2:
            return -1
    return place if place - begin <= LONGEST_NUMBER else -1


_ANY, _ANY_OR_CLOSE, _KEY, _KEY_OR_CLOSE, _NEXT = 0, 1, 2, 3, 4
"""What may come next in a list: a value, a value or the end, a key, a key or the end, a comma or the end."""


@_compiled
def _list_end(letters, place, end):  # type: ignore[no-untyped-def]
    """Where a list ends that is right in every letter, -1 for any other."""
    in_object = np.zeros(DEEPEST_LIST, np.bool_)
    depth, expected, place = 1, _ANY_OR_CLOSE, place + 1
    while True:
        place = _skip(letters, place, end)
        if place >= end:
            return -1
        letter = letters[place]
        closes = _CLOSE if in_object[depth - 1] else _CLOSE_LIST
        if letter == closes and expected in (_ANY_OR_CLOSE, _KEY_OR_CLOSE, _NEXT):
            depth, expected, place = depth - 1, _NEXT, place + 1
            if depth == 0:
                return place
        elif expected == _NEXT:
            if letter != _COMMA:
                return -1
            expected, place = (_KEY if in_object[depth - 1] else _ANY), place + 1
        elif expected in (_KEY, _KEY_OR_CLOSE):
            place = _key_end(letters, place, end)
            if place < 0:
                return -1
            expected = _ANY
        elif letter in (_OPEN, _OPEN_LIST):
            if depth == DEEPEST_LIST:
                return -1
            in_object[depth] = letter == _OPEN
            expected = _KEY_OR_CLOSE if in_object[depth] else _ANY_OR_CLOSE
            depth, place = depth + 1, place + 1
        else:
            place, _ = _scalar_end(letters, place, end)
            if place < 0:
                return -1
            expected = _NEXT


@_compiled
def _key_end(letters, place, end):  # type: ignore[no-untyped-def]
    """Where the colon after a key ends."""
    if letters[place] != _QUOTE:
        return -1
    place, _ = _text_end(letters, place + 1, end)
    if place < 0:
        return -1
    place = _skip(letters, place + 1, end)
    return place + 1 if place < end and letters[place] == _COLON else -1


# Paths


@_compiled
def _is_key(letters, start, end, paths, names, path):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    first = paths[1, path]
    if paths[2, path] - first != end - start:
        return False
    index = 0
    while index < end - start and names[first + index] == letters[start + index]:
        index += 1
    return index == end - start


@_compiled
def by_path(tokens, ordered, ends):  # type: ignore[no-untyped-def]
    """Fills `ordered` with the tokens of one path after the other, by row, and `ends` with where each ends."""
    count = tokens.shape[1]
    for index in range(count):
        ends[tokens[1, index] + 1] += 1
    for path in range(1, len(ends)):
        ends[path] += ends[path - 1]
    for index in range(count):
        place = ends[tokens[1, index]]
        ends[tokens[1, index]] = place + 1
        ordered[0, place], ordered[1, place] = tokens[0, index], tokens[2, index]
        ordered[2, place], ordered[3, place] = tokens[3, index], tokens[4, index]


@_compiled
def _path_of(letters, start, end, parent, paths, names, table):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """The number of a path, a new one if need be; -1 when there are too many."""
    word = _BASIS ^ (np.uint64(parent) * _SPREAD)
    for index in range(start, end):
        word = (word ^ np.uint64(letters[index])) * _PRIME
    mask = len(table) - 1
    slot = np.int64((word ^ (word >> _HALF)) & np.uint64(mask))
    while table[slot] != 0:
        path = table[slot]
        if paths[0, path] == parent and _is_key(letters, start, end, paths, names, path):
            return path
        slot = (slot + 1) & mask
    path, used = paths[5, 0], paths[5, 1]
    if path >= MOST_PATHS or used + end - start > len(names):
        return -1
    names[used : used + end - start] = letters[start:end]
    paths[0, path], paths[1, path], paths[2, path], paths[3, path] = parent, used, used + end - start, -1
    paths[4, path], paths[5, 0], paths[5, 1] = 0, path + 1, used + end - start
    table[slot] = path
    return path


# Values


@_compiled
def gather(letters, starts, ends, kinds, chosen, offsets, content):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Copies chosen values one after the other, escapes undone. Fills `offsets`; returns the bytes written."""
    place = 0
    for row in range(len(starts)):
        offsets[row] = place
        if not chosen[row]:
            continue
        if kinds[row] != ESCAPED:
            # Unsigned, so that Numba need not ask whether an index counts from the end.
            source, size, target = np.uint64(starts[row]), np.uint64(ends[row] - starts[row]), np.uint64(place)
            for index in range(size):
                content[target + index] = letters[source + index]
            place += ends[row] - starts[row]
        else:
            place = _unescape(letters, starts[row], ends[row], content, place)
    offsets[len(starts)] = place
    return place


@_compiled
def _unescape(letters, index, end, content, place):  # type: ignore[no-untyped-def]
    while index < end:
        letter = letters[index]
        if letter != _BACKSLASH:
            content[place] = letter
            index, place = index + 1, place + 1
            continue
        letter = letters[index + 1]
        index += 2
        if letter == _U:
            code = _code(letters, index, end)
            index += 4
            if 0xD800 <= code <= 0xDBFF:
                code = 0x10000 + ((code - 0xD800) << 10) + _code(letters, index + 2, end) - 0xDC00
                index += 6
            place = _write_utf8(code, content, place)
            continue
        if letter == 98:
            letter = np.uint8(8)
        elif letter == 102:
            letter = np.uint8(12)
        elif letter == 110:
            letter = np.uint8(10)
        elif letter == 114:
            letter = np.uint8(13)
        elif letter == 116:
            letter = np.uint8(9)
        content[place] = letter
        place += 1
    return place


@_compiled
def _write_utf8(code, content, place):  # type: ignore[no-untyped-def]
    if code < 0x80:
        content[place] = code
        return place + 1
    if code < 0x800:
        content[place], content[place + 1] = 0xC0 | (code >> 6), 0x80 | (code & 63)
        return place + 2
    if code < 0x10000:
        content[place], content[place + 1] = 0xE0 | (code >> 12), 0x80 | ((code >> 6) & 63)
        content[place + 2] = 0x80 | (code & 63)
        return place + 3
    content[place], content[place + 1] = 0xF0 | (code >> 18), 0x80 | ((code >> 12) & 63)
    content[place + 2], content[place + 3] = 0x80 | ((code >> 6) & 63), 0x80 | (code & 63)
    return place + 4


@_compiled
def read_numbers(letters, starts, ends, powers, numbers, exact):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Fills `numbers` where a double holds the digits and the power of ten exactly, so that one rounding is right.

    The others (more than 15 digits, or powers beyond 22) are not `exact`: read them another way.
    """
    for row in range(len(starts)):
        place, end = starts[row], ends[row]
        is_negative = letters[place] == _MINUS
        place += is_negative
        digits, value, power, after_point = 0, np.int64(0), 0, False
        while place < end and letters[place] not in (69, 101):
            if letters[place] == _POINT:
                after_point = True
            else:
                value = value * 10 + (letters[place] - 48)
                digits += value > 0
                power -= after_point
                if digits > 15:
                    break
            place += 1
        if digits <= 15 and place < end:
            place += 1
            sign = -1 if letters[place] == _MINUS else 1
            place += letters[place] in (_MINUS, _PLUS)
            shift = 0
            while place < end and shift < 1000:
                shift = shift * 10 + (letters[place] - 48)
                place += 1
            power += sign * shift
        exact[row] = digits <= 15 and -22 <= power <= 22
        if exact[row]:
            number = value * powers[power] if power >= 0 else value / powers[-power]
            numbers[row] = -number if is_negative else number
