"""Joins Arena and prints where the ships are:  positions.py LIBRARY [URL [SECONDS]]

LIBRARY is libtickwire_client.so, .dylib or tickwire_client.dll. Needs nothing but Python 3.
"""

import ctypes
import sys
import time
from ctypes import POINTER, byref, c_char, c_char_p, c_float, c_int32, c_size_t, c_uint32, c_uint64, c_void_p

ABI_VERSION = 1
REFUSED, CLOSED = 5, 6


def load(path):
    library = ctypes.CDLL(path)
    status, client = c_int32, c_void_p
    for name, result, arguments in [
        ("tickwire_abi_version", c_uint32, []),
        ("tickwire_connect", status, [c_char_p, c_char_p, c_char_p, c_void_p, POINTER(client)]),
        ("tickwire_update", status, [client]),
        ("tickwire_now_ns", c_uint64, [client]),
        ("tickwire_client_state", c_int32, [client]),
        ("tickwire_reason", c_size_t, [client, c_char_p, c_size_t]),
        ("tickwire_error_text", c_size_t, [client, c_char_p, c_size_t]),
        ("tickwire_sample", status, [client, c_uint64]),
        ("tickwire_kind_find", status, [client, c_char_p, POINTER(c_uint32)]),
        ("tickwire_field_find", status, [client, c_uint32, c_char_p, POINTER(c_uint32)]),
        ("tickwire_ids", status, [client, c_uint32, POINTER(c_uint32), c_size_t, POINTER(c_size_t)]),
        ("tickwire_column_f32", status, [client, c_uint32, c_uint32, POINTER(c_float), c_size_t, POINTER(c_size_t)]),
        ("tickwire_leave", status, [client]),
        ("tickwire_free", None, [client]),
    ]:
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    if library.tickwire_abi_version() != ABI_VERSION:
        sys.exit(f"{path} is of another version than this program")
    return library


class Arena:
    def __init__(self, library, url):
        self.library, self.client = library, c_void_p()
        self.must(library.tickwire_connect(url.encode(), b"arena", b"positions.py", None, byref(self.client)))

    def must(self, status):
        if status < 0:
            text = (c_char * 300)()
            self.library.tickwire_error_text(self.client, text, len(text))
            sys.exit(f"{text.value.decode()} ({status})")

    def column(self, read, kind):
        """Asks for the count first, then for all of it."""
        count = c_size_t()
        read(kind, None, 0, byref(count))
        cells = (read.cell * count.value)()
        self.must(read(kind, cells, count.value, byref(count)))
        return list(cells)

    def ids(self, kind):
        def read(kind, out, room, count):
            return self.library.tickwire_ids(self.client, kind, out, room, count)

        read.cell = c_uint32
        return self.column(read, kind)

    def floats(self, kind, field):
        def read(kind, out, room, count):
            return self.library.tickwire_column_f32(self.client, kind, field, out, room, count)

        read.cell = c_float
        return self.column(read, kind)

    def found(self, find, *what):
        number = c_uint32()
        self.must(find(self.client, *what, byref(number)))
        return number.value


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    url = sys.argv[2] if len(sys.argv) > 2 else "ws://127.0.0.1:7777/ws"
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 5
    library = load(sys.argv[1])
    arena, most, until, next_line = Arena(library, url), 0, time.monotonic() + seconds, 0.0
    while time.monotonic() < until:
        time.sleep(1 / 60)
        arena.must(library.tickwire_update(arena.client))
        if library.tickwire_client_state(arena.client) in (REFUSED, CLOSED):
            break
        now = library.tickwire_now_ns(arena.client)
        # not before the schema is there
        if library.tickwire_sample(arena.client, now) < 0 or now / 1e9 < next_line:
            continue
        next_line = now / 1e9 + 1
        ship = arena.found(library.tickwire_kind_find, b"Ship")
        x, y = (arena.found(library.tickwire_field_find, ship, name) for name in (b"x", b"y"))
        ships = list(zip(arena.ids(ship), arena.floats(ship, x), arena.floats(ship, y)))
        most = max(most, len(ships))
        print(f"{len(ships)} ships:", ", ".join(f"{id} at ({x:.1f}, {y:.1f})" for id, x, y in ships[:6]))
    reason = (c_char * 300)()
    library.tickwire_reason(arena.client, reason, len(reason))
    library.tickwire_leave(arena.client)
    library.tickwire_free(arena.client)
    if most == 0:
        sys.exit(f"no ship was seen: {reason.value.decode() or 'nothing came'}")


main()
