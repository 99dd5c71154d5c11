"""croft doc, croft graph, croft fmt: what they print is kept in golden files."""
import pathlib
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from support import golden

HERE = pathlib.Path(__file__).parent
GOLDEN = HERE / "golden"
SHOP = HERE / "shop.sf"
SVG = "{http://www.w3.org/2000/svg}"


def test_doc_page(tool):
    out = tool.ok("doc", "ImageInstance").out
    # The template's comment, its attributes, and what the native type's schema says about them.
    for words in ("ImageInstance extends AwsAuthorizedService\n/org/smartfrog/services/amazon/ec2/components.sf:",
                  "\n  minCount to maxCount machines of one image", "\nattributes\n", "\n  imageID\n",
                  "string, required, a change replaces it, from ImageInstance\n", "\npublished while it runs\n"):
        assert words in out, out
    assert all(len(line) <= 100 for line in out.splitlines())


def test_doc_of_what_takes_its_changes_in_place(tool):
    out = tool.ok("doc", "Process").out
    assert "sfUpdatable" in out and "can change while it runs" in out and "a change replaces it" not in out, out


@pytest.mark.parametrize("name", ["Address", "TlsAddress"])
def test_doc_of_a_description(tool, name):
    out = tool.ok("doc", name, "--from", SHOP).out.replace(str(HERE), "test/tools")
    golden.check(GOLDEN / f"doc-{name}.txt", out)


def test_doc_lists_the_types_of_a_description(tool):
    listed = tool.ok("doc", "--from", SHOP, "--json").json
    assert [entry["name"] for entry in listed["types"]] == ["Address", "Server", "TlsAddress"]
    inner = tool.ok("doc", "sfConfig:web:front", "--from", SHOP, "--json").json
    assert {"name": "port", "required": False, "default": "80", "doc": "where it listens", "from": "Server"} in inner["attributes"]


def test_doc_lists_all_types(tool):
    listed = tool.ok("doc", "--json").json["types"]
    names = [entry["name"] for entry in listed]
    assert names == sorted(names) and len(names) > 100
    for wanted in ("ImageInstance", "S3Bucket", "Compound", "Prim", "EmbeddedFarm"):
        assert wanted in names
    text = tool.ok("doc").out
    for name in names:
        assert name in text


def test_doc_page_as_json(tool):
    page = tool.ok("doc", "ImageInstance", "--json").json
    assert page["extends"] == ["AwsAuthorizedService"] and page["sfClass"] == "croft.ImageInstance"
    by_name = {one["name"]: one for one in page["attributes"]}
    assert by_name["imageID"]["required"] is True and by_name["imageID"]["type"] == "string"
    assert by_name["instanceType"]["default"] == "SIZE_SMALL"


def test_doc_of_nothing_names_the_nearest(tool):
    outcome = tool.run("doc", "ImageInstence")
    assert outcome.code == 1
    assert "there is no type 'ImageInstence'" in outcome.err and "did you mean 'ImageInstance'?" in outcome.err
    outcome = tool.run("doc", "Serve", "--from", SHOP)
    assert "did you mean 'Server'?" in outcome.err
    assert tool.run("doc", "X", "--from", "absent.sf").code == 1


@pytest.mark.parametrize("kind", ["dot", "mermaid", "svg"])
def test_graph(tool, kind):
    golden.check(GOLDEN / f"shop.{kind}", tool.ok("graph", SHOP, "--format", kind).out)


def test_graph_shows_where_eager_values_come_from(tool):
    drawn = tool.ok("graph", HERE / "values.sf", "--json").json
    values = {(edge["from"], edge["to"]): edge["attributes"] for edge in drawn["edges"] if edge["kind"] == "value"}
    assert values == {
        ("sfConfig:web", "sfConfig"): ["place"],
        ("sfConfig:web", "sfConfig:db"): ["url"],
        ("sfConfig:worker", "sfConfig:web"): ["peer"],
        ("sfConfig:worker", "sfConfig:db"): ["from"],
    }
    golden.check(GOLDEN / "values.dot", tool.ok("graph", HERE / "values.sf", "--format", "dot").out)
    assert "color=gray50" in (GOLDEN / "values.dot").read_text()


def boxes(svg):
    """path -> (x, y, width, height) of every component."""
    out = {}
    for group in svg.iter(f"{SVG}g"):
        rect = group.find(f"{SVG}rect")
        out[group.find(f"{SVG}title").text] = tuple(float(rect.get(name)) for name in ("x", "y", "width", "height"))
    return out


def inside(inner, outer):
    return (outer[0] < inner[0] and outer[1] < inner[1] and inner[0] + inner[2] < outer[0] + outer[2]
            and inner[1] + inner[3] < outer[1] + outer[3])


def apart(a, b):
    return a[0] + a[2] <= b[0] or b[0] + b[2] <= a[0] or a[1] + a[3] <= b[1] or b[1] + b[3] <= a[1]


def check_boxes(svg):
    found = boxes(svg)
    paths = list(found)
    for path in paths:
        parent = path.rpartition(":")[0]
        if parent:
            assert inside(found[path], found[parent]), f"{path} is not inside {parent}"
    siblings = {}
    for path in paths:
        siblings.setdefault(path.rpartition(":")[0], []).append(path)
    for group in siblings.values():
        for i, one in enumerate(group):
            for other in group[i + 1:]:
                assert apart(found[one], found[other]), f"{one} and {other} overlap"
    width, height = float(svg.get("width")), float(svg.get("height"))
    for x, y, w, h in found.values():
        assert x >= 0 and y >= 0 and x + w <= width and y + h <= height
    return found


def test_svg_boxes_stand_inside_and_apart(tool):
    svg = ElementTree.fromstring(tool.ok("graph", SHOP).out)
    found = check_boxes(svg)
    assert len(found) == 15
    # Arrows lead to the right, to what is needed.
    assert found["sfConfig:web"][0] < found["sfConfig:data"][0]
    assert found["sfConfig:web:front"][0] < found["sfConfig:web:back"][0]
    assert found["sfConfig:worker"][0] < found["sfConfig:machine"][0]


def test_svg_of_many_components(tool, tmp_path):
    file = tmp_path / "many.sf"
    lines = [f"c{i} extends {{ to LAZY c{(i * 7) % 300}; in extends {{ up LAZY PARENT:to; }} }}" for i in range(300)]
    file.write_text("sfConfig extends {\n" + "\n".join(lines) + "\n}\n")
    check_boxes(ElementTree.fromstring(tool.ok("graph", file).out))


def test_graph_json_and_output_file(tool, tmp_path):
    graph = tool.ok("graph", SHOP, "--json").json
    assert {"from": "sfConfig:backup", "to": "sfConfig:web", "kind": "dependsOn", "attributes": ["dependsOn"]} in graph["edges"]
    assert {"from": "sfConfig:worker", "to": "sfConfig:machine", "kind": "sfProcessHost", "attributes": ["sfProcessHost"]} in graph["edges"]
    assert {"path": "sfConfig:web:front", "name": "front", "type": "Server", "parent": "sfConfig:web"} in graph["nodes"]
    out = tmp_path / "a.mmd"
    tool.ok("graph", SHOP, "-o", out)
    assert out.read_text().startswith("flowchart LR\n")
    assert "cannot write" in tool.run("graph", SHOP, "-o", tmp_path / "no" / "a.svg").err
    outcome = tool.run("graph", SHOP, "--format", "svgg")
    assert outcome.code == 64 and "did you mean 'svg'?" in outcome.err


def test_svg_is_drawn_by_others(tool, tmp_path):
    """librsvg reads it: a picture that is not empty comes out."""
    picture = tmp_path / "shop.svg"
    tool.ok("graph", SHOP, "-o", picture)
    out = subprocess.run(["rsvg-convert", "--format", "png", str(picture)], capture_output=True, check=True, timeout=60).stdout
    assert out.startswith(b"\x89PNG") and len(out) > 10_000


def test_fmt_from_standard_input(tool):
    assert tool.ok("fmt", "-", stdin="a   1;b 2\n").out == "a 1;\nb 2;\n"
    outcome = tool.run("fmt", "-", "--check", stdin="a   1;\n")
    assert outcome.code == 2 and outcome.out == "-\n"
    assert tool.run("fmt", "-", "--check", stdin="a 1;\n").code == 0
    outcome = tool.run("fmt", "-", "--diff", stdin="a   1;\nb 2;\n")
    assert outcome.code == 2 and "-a   1;" in outcome.out and "+a 1;" in outcome.out
    outcome = tool.run("fmt", "-", stdin="a extends {\n")
    assert outcome.code == 1 and "expected '}'" in outcome.err and outcome.out == ""


def test_fmt_of_a_folder(tool, tmp_path):
    (tmp_path / "in").mkdir()
    ugly, neat, broken = tmp_path / "in" / "ugly.sf", tmp_path / "neat.sf", tmp_path / "broken.sf"
    ugly.write_text("// kept\na  1;\n")
    neat.write_text("a 1;\n")
    broken.write_text("a = 1;\n")
    result = tool.run("fmt", "--check", "--json", tmp_path)
    assert result.code == 1
    assert [(pathlib.Path(f["file"]).name, f["ok"], f.get("changed")) for f in result.json["files"]] == [
        ("broken.sf", False, None), ("ugly.sf", True, True), ("neat.sf", True, False)]
    assert ugly.read_text() == "// kept\na  1;\n"
    broken.unlink()
    tool.ok("fmt", tmp_path)
    assert ugly.read_text() == "// kept\na 1;\n" and tool.run("fmt", "--check", tmp_path).code == 0
    assert "cannot read" in tool.run("fmt", tmp_path / "absent.sf").err
