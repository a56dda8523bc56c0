"""A vault that was cut off, flipped, exchanged or rolled back is noticed and never half used."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from store.container import parse
from store.errors import ErrorKind, StoreError
from store.profiles import Settings
from store.vault import Snapshot, Vault
from tests.store import samples
from tests.store.samples import vault

FILE = "settings.vault"
EVERY = settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(name="one")
def _one(tmp_path: Path) -> Vault:
    one = vault(tmp_path)
    one.save(samples.settings("b"), one.save(samples.settings("a"), one.load(), "ann"), "ann")
    return one


def refused(folder: Path) -> StoreError:
    with pytest.raises(StoreError) as told:
        vault(folder).load()
    assert told.value.remedy
    assert "\n" not in str(told.value) + told.value.remedy
    assert samples.MARK not in str(told.value)
    return told.value


def put(folder: Path, data: bytes) -> None:
    for aside in folder.glob(f"{FILE}.damaged-*"):
        aside.unlink()
    (folder / FILE).write_bytes(data)


def resummed(data: bytes) -> bytes:
    """With a checksum that fits: what somebody who edits the file would do."""
    first, _, rest = data.partition(b"\n")
    start = first.rpartition(b" ")[0] + b" "
    return start + sha256(start + rest).hexdigest().encode() + b"\n" + rest


def assert_moved_aside(folder: Path, data: bytes) -> None:
    assert not (folder / FILE).exists()
    (aside,) = folder.glob(f"{FILE}.damaged-*")
    assert aside.read_bytes() == data
    assert refused(folder).kind is ErrorKind.DAMAGED  # and again, until somebody mends it
    with pytest.raises(StoreError):
        vault(folder).save(samples.settings(), Snapshot(Settings()), "bob")


def test_cut_off_at_any_length(one: Vault, tmp_path: Path) -> None:
    whole = one.files.path.read_bytes()
    for length in {0, 1, 2, 15, 16, 80, 81, *range(100, len(whole), 137), len(whole) - 2, len(whole) - 1}:
        put(tmp_path, whole[:length])
        assert refused(tmp_path).kind is ErrorKind.DAMAGED
        assert_moved_aside(tmp_path, whole[:length])


@EVERY
@given(st.data())
def test_any_bit_flipped(one: Vault, tmp_path: Path, data: st.DataObject) -> None:
    before = tmp_path / "whole"
    if not before.exists():
        before.write_bytes(one.files.path.read_bytes())
    whole = bytearray(before.read_bytes())
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    whole[bit // 8] ^= 1 << bit % 8
    put(tmp_path, bytes(whole))
    assert refused(tmp_path).kind is ErrorKind.DAMAGED
    assert_moved_aside(tmp_path, bytes(whole))


@EVERY
@given(st.data())
def test_any_bit_flipped_under_a_checksum_that_fits(one: Vault, tmp_path: Path, data: st.DataObject) -> None:
    before = tmp_path / "whole"
    if not before.exists():
        before.write_bytes(one.files.path.read_bytes())
    whole = bytearray(before.read_bytes())
    start = whole.index(b"\n") + 1
    bit = data.draw(st.integers(8 * start, 8 * len(whole) - 1))
    whole[bit // 8] ^= 1 << bit % 8
    bad = resummed(bytes(whole))
    put(tmp_path, bad)
    kind = ErrorKind.DAMAGED
    try:
        loaded = vault(tmp_path).load()
    except StoreError as error:
        kind = error.kind
    else:  # a hex digit in capitals or a space at its end says the same; nothing else gets through
        assert parse(bad).blobs == parse(before.read_bytes()).blobs
        assert loaded.settings == samples.settings("b")
    assert kind in {ErrorKind.DAMAGED, ErrorKind.WRONG_KEY, ErrorKind.KEY_MISSING}


def test_records_exchanged_within_the_vault(one: Vault, tmp_path: Path) -> None:
    one.save(samples.settings("a", "b"), one.load(), "ann")
    lines = one.files.path.read_bytes().split(b"\n")
    lines[-2], lines[-3] = lines[-3], lines[-2]
    put(tmp_path, resummed(b"\n".join(lines)))
    assert "record" in refused(tmp_path).why


def test_a_record_of_the_previous_revision(one: Vault, tmp_path: Path) -> None:
    lines = one.files.path.read_bytes().split(b"\n")
    lines[-3] = one.files.previous.read_bytes().split(b"\n")[-3]
    put(tmp_path, resummed(b"\n".join(lines)))
    assert "record" in refused(tmp_path).why


def test_a_record_of_another_vault_with_the_same_key(one: Vault, tmp_path: Path) -> None:
    other = tmp_path / "other"
    two = vault(other, key_file=tmp_path / "outmail.key")
    two.save(samples.settings("b"), two.load(), "eve")
    lines = one.files.path.read_bytes().split(b"\n")
    lines[-3] = two.files.path.read_bytes().split(b"\n")[-3]
    put(tmp_path, resummed(b"\n".join(lines)))
    assert "record" in refused(tmp_path).why


def test_the_whole_file_of_another_vault_with_the_same_key(one: Vault, tmp_path: Path) -> None:
    two = vault(tmp_path / "other", key_file=tmp_path / "outmail.key")
    two.save(samples.settings("b"), two.load(), "eve")
    put(tmp_path, two.files.path.read_bytes())
    error = refused(tmp_path)
    assert "another vault" in error.why
    assert one.files.path.exists()  # it is whole: nothing to move aside
    one.files.mark.unlink()  # the remedy
    assert vault(tmp_path).load().saved_by == "eve"


def test_the_whole_file_rolled_back(one: Vault, tmp_path: Path) -> None:
    put(tmp_path, one.files.previous.read_bytes())
    error = refused(tmp_path)
    assert "older" in error.why
    assert error.remedy.endswith(f"rm {one.files.mark}")
    one.files.mark.unlink()
    assert vault(tmp_path).load().revision == 1


def test_a_damaged_mark_is_told(one: Vault, tmp_path: Path) -> None:
    for bad in (b"", b"x", b"\xff" * 90, one.files.mark.read_bytes().replace(b" 2 ", b" 1 ")):
        one.files.mark.write_bytes(bad)
        assert "damaged" in refused(tmp_path).why


def test_a_header_that_was_edited(one: Vault, tmp_path: Path) -> None:
    data = one.files.path.read_bytes()
    put(tmp_path, resummed(data.replace(b'"generation":2', b'"generation":3')))
    assert "header was changed" in refused(tmp_path).why


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("memory_kib", 2**30),
        ("memory_kib", 8),
        ("passes", 10**9),
        ("passes", 1),
        ("lanes", 10**6),
        ("memory_kib", "x"),
    ],
)
def test_costs_beyond_bounds_are_refused_unpaid(tmp_path: Path, field: str, value: object) -> None:
    one = vault(tmp_path, new_passphrase=SecretStr("open sesame"))
    one.save(samples.settings(), one.load(), "ann")
    data = one.files.path.read_bytes()
    changed = re.sub(
        rb'"%s":\d+' % field.encode(), b'"%s":%s' % (field.encode(), json.dumps(value).encode()), data
    )
    assert changed != data
    put(tmp_path, resummed(changed))
    with pytest.raises(StoreError) as told:
        vault(tmp_path, ask=lambda _question: pytest.fail("asked for a passphrase")).load()
    assert told.value.kind is ErrorKind.DAMAGED


def test_a_file_of_a_later_outmail_is_left_alone(one: Vault, tmp_path: Path) -> None:
    data = one.files.path.read_bytes()
    later = resummed(data.replace(b"outmail-vault 1 ", b"outmail-vault 2 ", 1))
    put(tmp_path, later)
    assert "upgrade" in refused(tmp_path).remedy
    assert one.files.path.read_bytes() == later


def test_a_file_beyond_all_size_is_not_read(one: Vault, tmp_path: Path) -> None:
    with one.files.path.open("r+b") as file:
        file.truncate(2**34)
    assert refused(tmp_path).kind is ErrorKind.UNREADABLE


def test_settings_that_grew_too_large_are_refused(one: Vault, tmp_path: Path) -> None:
    big = samples.settings()
    big.profiles["p0"].auth.password = SecretStr("x" * 2**24)
    base = one.load()
    with pytest.raises(StoreError):
        one.save(big, base, "ann")
    assert vault(tmp_path).load() == base
