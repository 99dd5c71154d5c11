"""Holds an XML answer against botocore's model of it: no element that the model does not know, lists wrapped as it says,
scalars of their types. Parsing alone hides all three."""
import re

NUMBER = r"-?\d+(\.\d+)?"
SCALARS = {
    "string": lambda text: True,
    "character": lambda text: True,
    "blob": lambda text: True,
    "integer": lambda text: re.fullmatch(r"-?\d+", text or ""),
    "long": lambda text: re.fullmatch(r"-?\d+", text or ""),
    "double": lambda text: re.fullmatch(NUMBER, text or ""),
    "float": lambda text: re.fullmatch(NUMBER, text or ""),
    "boolean": lambda text: text in ("true", "false"),
    "timestamp": lambda text: re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text or "") or
    re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", text or ""),
}


class Walk:
    """`item`: how lists wrap what the model does not name; `newer`: elements that this model does not know yet;
    `open_enum(shape, text, path)`: may the value be another than the model lists?"""

    def __init__(self, namespace, item, newer=frozenset(), open_enum=lambda shape, text, path: False):
        self.namespace, self.item, self.newer, self.open_enum = namespace, item, newer, open_enum

    def problems(self, element, shape, path):
        if shape.type_name == "structure":
            yield from self._structure(element, shape, path)
        elif shape.type_name == "list":
            name = shape.member.serialization.get("name", self.item)
            for index, child in enumerate(element):
                if child.tag != self.namespace + name:
                    yield f"{path}[{index}] is wrapped in {child.tag}"
                else:
                    yield from self.problems(child, shape.member, f"{path}[{index}]")
        else:
            yield from self._scalar(element, shape, path)

    def _structure(self, element, shape, path):
        members = _members(shape)
        groups = {}
        for child in element:
            assert child.tag.startswith(self.namespace), child.tag
            groups.setdefault(child.tag[len(self.namespace):], []).append(child)
        for name, children in groups.items():
            here = f"{path}.{name}"
            if name not in members:
                if name not in self.newer:
                    yield f"{here} is unknown"
                continue
            member = members[name]
            if member.type_name == "list" and member.serialization.get("flattened"):
                for index, child in enumerate(children):
                    yield from self.problems(child, member.member, f"{here}[{index}]")
            elif len(children) > 1:
                yield f"{here} stands {len(children)} times"
            else:
                yield from self.problems(children[0], member, here)
        if element.text and element.text.strip():
            yield f"{path} holds text"

    def _scalar(self, element, shape, path):
        if len(element):
            yield f"{path} holds elements"
        if not SCALARS[shape.type_name](element.text):
            yield f"{path} = {element.text!r} is no {shape.type_name}"
        enum = getattr(shape, "enum", None)
        if enum and element.text and element.text not in enum and not self.open_enum(shape, element.text, path):
            yield f"{path} = {element.text!r} is none of {shape.name}"


def _members(shape):
    """By the element's name; what travels in headers or attributes is none."""
    out = {}
    for name, member in shape.members.items():
        if member.serialization.get("location") or member.serialization.get("xmlAttribute"):
            continue
        label = member.serialization.get("name", name)
        if member.type_name == "list" and member.serialization.get("flattened"):
            label = member.member.serialization.get("name", label)
        out[label] = member
    return out
