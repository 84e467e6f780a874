"""Half a million reviews by 400,141 people: what is published of each reviewer, through definitions."""

from __future__ import annotations

import bz2
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from shoal.model.time import DAY, parse_moment
from shoal.runtime.batch import Results
from tests.data.workspaces import RealWorkspace, members

FEATURES = """
    feature: reviews
    value: count("Product Reviewed")
    ---
    feature: vendors
    value: distinct("vendor_id")
    ---
    feature: rating
    value: average("rating")
"""
SEGMENTS = """
    segment: loyal_reviewers
    when: count("Product Reviewed", within="365 days") >= 5 and vendors == 1
"""
END = parse_moment("2008-03-01")

Data = Callable[[str], Path]


@pytest.fixture(scope="module")
def reviews(shared_data: Data, tmp_path_factory: pytest.TempPathFactory) -> Results:
    workspace = RealWorkspace(tmp_path_factory.mktemp("reviews"), features=FEATURES, segments=SEGMENTS)
    workspace.load("reviews", shared_data("reviews") / "anonreviews.csv.bz2")
    return workspace.at(END)


def test_reviewers(reviews):
    """Reviews and vendors of a reviewer have the published mean, deviation and maximum, to six decimals."""
    features = reviews.features

    assert len(features) == 400_141
    assert features["reviews"].sum() == 578_805
    assert round(features["reviews"].mean(), 6) == 1.446503
    assert round(features["reviews"].std(), 6) == 1.541802
    assert features["reviews"].max() == 168
    assert round(features["vendors"].mean(), 6) == 1.357017
    assert features["vendors"].max() == 32


def test_each_reviewer(reviews, shared_data):
    """Every reviewer's numbers, and who is loyal, are those of a query over the raw file."""
    file = shared_data("reviews") / "anonreviews.csv.bz2"
    rows = pl.read_csv(bz2.decompress(file.read_bytes()), schema_overrides={"vendorId": pl.String})
    time = pl.col("date").str.to_datetime("%Y-%m-%d %H:%M").dt.epoch("ms")
    expected = (
        rows.with_columns(profile=pl.format("user_id:reviewer-{}", "reviewerId"), in_a_year=time > END - 365 * DAY)
        .group_by("profile")
        .agg(
            reviews=pl.len().cast(pl.Float64),
            vendors=pl.col("vendorId").n_unique().cast(pl.Float64),
            rating=pl.col("rating").cast(pl.Float64).mean(),
            in_a_year=pl.col("in_a_year").sum(),
        )
        .sort("profile")
    )

    found = reviews.features.sort("profile")
    assert found.select("profile", "reviews", "vendors").equals(expected.select("profile", "reviews", "vendors"))
    assert (found["rating"] - expected["rating"]).abs().max() < 1e-9
    loyal = expected.filter((pl.col("in_a_year") >= 5) & (pl.col("vendors") == 1))
    assert members(reviews, "loyal_reviewers") == set(loyal["profile"])
    assert "user_id:reviewer-0" in found["profile"]
