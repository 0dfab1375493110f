"""Conventions of the dbt project, checked in its manifest (no database needed)."""

import json
import re
from pathlib import Path

import pytest
import yaml
from dbt.cli.main import dbtRunner

from ml.models.registry import BASELINES, OURS

PROJECT = Path(__file__).parents[2] / "dbt_project"
PUBLISHED = ("core", "today", "tomorrow")
LAYERS = ("staging", "intermediate", *PUBLISHED)
SUBJECTS = {
    "incident",
    "mobility",
    "safety",
    "enforcement",
    "place",
    "people",
    "event",
    "weather",
    "forecast",
    "operations",
}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    target = tmp_path_factory.mktemp("target")
    folders = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target-path", str(target)]
    result = dbtRunner().invoke(["parse", "--quiet", "--no-partial-parse", *folders, "--log-path", str(target)])
    assert result.success, result.exception
    return json.loads((target / "manifest.json").read_text())


def models(manifest, *layers):
    found = {
        node["name"]: node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["fqn"][1] in layers
    }
    assert found, layers
    return found


def inputs(node, kind):
    return [name for name in node["depends_on"]["nodes"] if name.startswith(f"{kind}.")]


def test_every_model_belongs_to_a_layer(manifest):
    assert len(models(manifest, *LAYERS)) == sum(n["resource_type"] == "model" for n in manifest["nodes"].values())


def test_staging_reads_one_source_and_no_model(manifest):
    for name, node in models(manifest, "staging").items():
        assert len(set(inputs(node, "source"))) == 1, f"{name} reads {node['depends_on']['nodes']}"
        assert not inputs(node, "model"), f"{name} reads {node['depends_on']['nodes']}"


def test_only_staging_reads_sources(manifest):
    for name, node in models(manifest, "intermediate", *PUBLISHED).items():
        assert not inputs(node, "source"), f"{name} reads {node['depends_on']['nodes']}"


def test_every_description_states_the_grain(manifest):
    for name, node in models(manifest, *LAYERS).items():
        assert node["description"].startswith("One row per "), f"{name}: {node['description']!r}"
    for source in manifest["sources"].values():
        assert source["description"].startswith("One row per "), source["name"]


def test_every_column_has_a_description_and_in_published_tables_a_type(manifest):
    for name, node in models(manifest, *LAYERS).items():
        blank = [c["name"] for c in node["columns"].values() if not c["description"]]
        assert node["columns"], f"{name}: list its columns in its .yml"
        assert not blank, f"{name}: describe {blank} in its .yml"
        if node["fqn"][1] in PUBLISHED:
            assert node["config"]["contract"]["enforced"], name
            assert all(c["data_type"] for c in node["columns"].values()), name


def test_every_model_has_a_key_test_or_constraint_on_its_grain(manifest):
    tested = {
        (node["attached_node"], *sorted(node["test_metadata"]["kwargs"].get("columns", [])))
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and (node.get("test_metadata") or {}).get("name") == "unique_combination"
    }
    for name, node in models(manifest, *LAYERS).items():
        keys = [c["columns"] for c in node["constraints"] if c["type"] == "primary_key"]
        keys += [list(key) for attached, *key in tested if attached == node["unique_id"]]
        assert keys, f"{name}: nothing says what one row is"
        if node["fqn"][1] in PUBLISHED:
            assert sorted(node["config"]["meta"]["grain"]) in [sorted(key) for key in keys], name


def test_every_model_with_a_rule_has_a_unit_test(manifest):
    tested = {test["model"] for test in manifest["unit_tests"].values()}
    found = models(manifest, *LAYERS)
    # a model without a unit test states the reason in its meta
    exempt = {name for name, node in found.items() if len(node["config"]["meta"].get("without_unit_test", "")) > 10}
    assert set(found) - exempt == tested


def test_every_model_lies_in_the_folder_of_a_subject(manifest):
    for name, node in models(manifest, *LAYERS).items():
        assert node["fqn"][2] in SUBJECTS, name
        described = Path(node["patch_path"].partition("://")[2])
        assert described == Path(node["original_file_path"]).with_suffix(".yml"), f"{name}: its .yml lies beside it"


def test_every_published_model_has_an_owner_and_is_used_by_something(manifest):
    used = {name for exposure in manifest["exposures"].values() for name in exposure["depends_on"]["nodes"]}
    for name, node in models(manifest, *PUBLISHED).items():
        assert node["config"]["meta"]["owner"], name
        read_by_models = manifest["child_map"][node["unique_id"]]
        assert node["unique_id"] in used or any(each.startswith("model.") for each in read_by_models), name


def test_no_model_replaces_its_table_by_swapping(manifest):
    """A swap drops the views that read the table, and its grants with it."""
    for name, node in models(manifest, *LAYERS).items():
        assert node["config"]["materialized"] in ("view", "incremental"), name
        if node["config"]["materialized"] == "incremental":
            assert node["config"]["incremental_strategy"] == "append", name
            assert node["config"]["on_schema_change"] == "fail", name


def test_live_marts_are_tagged_now_and_read_only_staging(manifest):
    """So that they are built every quarter of an hour without the facts."""
    for name, node in models(manifest, "today").items():
        assert node["tags"] == ["now"], name
        assert all(".stg_" in each for each in inputs(node, "model")), name
        assert node["config"]["materialized"] == "incremental", name
    assert {name for name, node in models(manifest, *LAYERS).items() if "now" in node["tags"]} == set(
        models(manifest, "today")
    )


def test_schema_names_have_no_prefix(manifest):
    schemas = {node["schema"] for node in manifest["nodes"].values() if node["resource_type"] in ("model", "seed")}
    assert schemas == {"staging", "core", "today", "tomorrow"}


def test_names_follow_the_layers(manifest):
    prefixes = {"staging": "stg_", "intermediate": "int_", "core": "(dim|fct)_"}
    for layer, prefix in prefixes.items():
        for name in models(manifest, layer):
            assert re.match(prefix, name), name
    codes = {path.stem for path in (PROJECT.parent / "territories").glob("*.yml")}
    assert not [name for name in models(manifest, *LAYERS) if any(code in name for code in codes)]


def test_dbt_downloads_no_package_and_sends_no_telemetry():
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())
    assert project["flags"]["send_anonymous_usage_stats"] is False
    assert not (PROJECT / "packages.yml").exists()
    assert not (PROJECT / "dependencies.yml").exists()


def test_every_method_that_is_not_a_baseline_counts_as_ours():
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())
    assert project["vars"]["baseline_methods"] == [method.name for method in BASELINES]
    assert OURS not in project["vars"]["baseline_methods"]


def test_incidents_have_a_freshness_limit(manifest):
    incident = next(s for s in manifest["sources"].values() if s["name"] == "incident")
    assert incident["freshness"]["error_after"]["count"]
    assert "ops.load" in incident["loaded_at_query"]
