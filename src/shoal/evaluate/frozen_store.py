"""The store of what is frozen: one file for each version, there whole or not at all, and damage is noticed."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import astuple, replace
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from shoal.errors import NotFound, StoreError
from shoal.evaluate.frozen import Frozen
from shoal.evaluate.purchases.forecast import ORDER_MODELS, PurchaseModel
from shoal.evaluate.purchases.gamma_gamma import GammaGamma
from shoal.evaluate.ranks import ReferenceDistribution
from shoal.journal.durable import failures_told, make_folder, sync_folder, write_whole

FORMAT = 1
DIGEST_BYTES = 16
KEPT_VERSIONS = 30
"""Older versions are forgotten."""


class _Model(msgspec.Struct, frozen=True):
    """A purchase model: which one, its parameters, and those of its model of spend."""

    model: str
    parameters: tuple[float, ...]
    spend: tuple[float, float, float] | None


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds. The distribution at place n is in the arrays `values_n` and `counts_n`."""

    format: int
    version: int
    as_of: int
    distributions: tuple[str, ...]
    models: dict[str, _Model]
    reasons: dict[str, str]
    meanings: dict[str, str]


class _Formatted(msgspec.Struct):
    format: int


class FrozenStore:
    """The versions of one workspace, in a folder of their own. One refresh at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def versions(self) -> list[int]:
        """The numbers of the versions that are kept, ascending."""
        with failures_told("Reading what is frozen", self.folder):
            names = [path.stem for path in self.folder.glob("frozen-*.bin")] if self.folder.is_dir() else []
        numbers = [name.removeprefix("frozen-") for name in names]
        return sorted(int(number) for number in numbers if number.isdecimal())

    def save(self, frozen: Frozen) -> Frozen:
        """Keeps it as the next version, and returns it with its number."""
        known = self.versions()
        numbered = replace(frozen, version=known[-1] + 1 if known else 1)
        with failures_told("Keeping ranks and purchase models", self.folder):
            make_folder(self.folder)
            write_whole(self._path(numbered.version), _written(numbered))
            for old in known[: -(KEPT_VERSIONS - 1)]:
                self._path(old).unlink(missing_ok=True)
            sync_folder(self.folder)
        return numbered

    def load(self, version: int | None = None) -> Frozen:
        """That version, or the last one; nothing is frozen before the first.

        Raises NotFound for a version that is not kept, StoreError for a file that is damaged or from the future.
        """
        known = self.versions()
        if version is None and not known:
            return Frozen()
        number = known[-1] if version is None else version
        if number not in known:
            raise NotFound(f"version {number} of ranks and purchase models is not kept in {self.folder}")
        path = self._path(number)
        with failures_told("Reading what is frozen", path):
            content = path.read_bytes()
        return _read(content, path)

    def _path(self, version: int) -> Path:
        return self.folder / f"frozen-{version:09d}.bin"


def _written(frozen: Frozen) -> list[bytes]:
    keys = sorted(frozen.distributions)
    header = _Header(
        format=FORMAT,
        version=frozen.version,
        as_of=frozen.as_of or 0,
        distributions=tuple(keys),
        models={key: _model(each) for key, each in sorted(frozen.forecasters.items())},
        reasons=dict(frozen.reasons),
        meanings=dict(frozen.meanings),
    )
    arrays: dict[str, NDArray[Any]] = {
        "header": np.frombuffer(msgspec.json.encode(header, order="sorted"), np.uint8)
    }
    for place, key in enumerate(keys):
        distribution = frozen.distributions[key]
        arrays |= {f"values_{place}": distribution.values, f"counts_{place}": distribution.counts}
    file = BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return [_digest(file.getvalue()), file.getvalue()]


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=DIGEST_BYTES).digest()


def _model(forecaster: object) -> _Model:
    assert isinstance(forecaster, PurchaseModel), "only fitted purchase models are kept"
    names = {kind: name for name, kind in ORDER_MODELS.items()}
    spend = None if forecaster.spend is None else astuple(forecaster.spend)
    return _Model(names[type(forecaster.orders)], forecaster.orders.parameters, spend)


def _read(content: bytes, path: Path) -> Frozen:
    """What a file holds. It begins with a digest of the rest, so that a changed byte is noticed."""
    body = content[DIGEST_BYTES:]
    if content[:DIGEST_BYTES] != _digest(body):
        raise _damaged(path, "it is not what was written")
    try:
        with np.load(BytesIO(body), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        text = arrays["header"].tobytes()
        written = msgspec.json.decode(text, type=_Formatted).format
        if written > FORMAT:
            raise StoreError(
                f"{path} was written by a newer Shoal (format {written}; this one reads {FORMAT})",
                hint="update Shoal; nothing was changed",
            )
        header = msgspec.json.decode(text, type=_Header)
        return Frozen(
            distributions=_distributions(header, arrays),
            forecasters={key: _forecaster(each) for key, each in header.models.items()},
            reasons=header.reasons,
            meanings=header.meanings,
            as_of=header.as_of,
            version=header.version,
        )
    except (zipfile.BadZipFile, msgspec.DecodeError, ValueError, KeyError, TypeError) as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, reason: str) -> StoreError:
    hint = "remove this file: the version before it is read then, until the next refresh"
    return StoreError(f"{path} is damaged: {reason}", hint=hint)


def _distributions(header: _Header, arrays: Mapping[str, NDArray[Any]]) -> dict[str, ReferenceDistribution]:
    return {
        key: ReferenceDistribution(arrays[f"values_{place}"], arrays[f"counts_{place}"])
        for place, key in enumerate(header.distributions)
    }


def _forecaster(model: _Model) -> PurchaseModel:
    spend = None if model.spend is None else GammaGamma(*model.spend)
    return PurchaseModel(ORDER_MODELS[model.model](*model.parameters), spend)
