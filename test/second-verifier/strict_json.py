"""Strict JSON, docs/format.md section 3: one value has one spelling."""
import json
import re

DEPTH = 32


class NotStrict(ValueError):
    """The bytes are no strict JSON."""


class Number(float):
    """A number that is no safe integer: nothing in the format may be one, but unknown members may hold it."""


def number_text(value):
    """Number::toString of ECMA-262 for a finite double."""
    if value == 0:
        return "0"
    sign, digits, exponent = _decimal(value)
    point = len(digits) + exponent
    if len(digits) <= point <= 21:
        text = digits + "0" * (point - len(digits))
    elif 0 < point <= 21:
        text = digits[:point] + "." + digits[point:]
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        text = f"{mantissa}e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return sign + text


def _decimal(value):
    text = repr(float(value))
    sign = "-" if text.startswith("-") else ""
    mantissa, _, exponent = text.lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = fraction.rstrip("0")
    digits = (whole + fraction).lstrip("0")
    power = int(exponent or 0) - len(fraction)
    stripped = digits.rstrip("0")
    return sign, stripped, power + len(digits) - len(stripped)


def _number(text):
    value = float(text)
    if value in (float("inf"), float("-inf")) or number_text(value) != text:
        raise NotStrict(f"the number {text[:40]} has another spelling")
    if value == int(value) and abs(value) <= 2**53 - 1:
        return int(value)
    return Number(value)


def _object(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotStrict("a member appears twice")
    for name in members:
        if re.fullmatch("[0-9]+", name):
            raise NotStrict(f"the member name {name} is a number")
    return members


def _constant(text):
    raise NotStrict(f"{text} is no JSON")


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _string(value):
    return '"' + re.sub(r'["\\\x00-\x1f\ud800-\udfff]', lambda match: _ESCAPES.get(match[0]) or f"\\u{ord(match[0]):04x}", value) + '"'


def _text(value, indent):
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, (int, float)):
        return number_text(value)
    if not value:
        return "[]" if isinstance(value, list) else "{}"
    inner = indent + "  "
    if len(inner) > 2 * DEPTH:
        raise NotStrict(f"deeper than {DEPTH}")
    if isinstance(value, list):
        body = [_text(one, inner) for one in value]
        opening, closing = "[]"
    else:
        body = [f"{_string(name)}: {_text(one, inner)}" for name, one in value.items()]
        opening, closing = "{}"
    return f"{opening}\n" + ",\n".join(inner + one for one in body) + f"\n{indent}{closing}"


def write(value):
    """The bytes of a document."""
    return (_text(value, "") + "\n").encode()



def parse(data):
    """The value of strict JSON. Raises NotStrict."""
    try:
        text = data.decode("utf-8")
        value = json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_constant, object_pairs_hook=_object)
        again = _text(value, "") + "\n"
    except (ValueError, RecursionError) as error:
        raise NotStrict(str(error)) from None
    if again != text:
        raise NotStrict("the bytes differ from those of the value written again")
    return value
