"""Templates: as Jinja2 renders them, with nothing to escape through and nothing to blow up."""

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.manifest.template_sandbox import Full
from batchgen.manifest.template_text import TemplateError
from batchgen.manifest.templates import Simple, compile_template

ATTACKS = [
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ name['__class__'] }}",
    "{{ name.__class__.__base__.__subclasses__() }}",
    "{{ name|attr('__class__') }}",
    "{{ name|attr('__cl'~'ass__') }}",
    "{{ ()|attr('\\x5f\\x5fclass\\x5f\\x5f') }}",
    "{{ [].__class__ }}",
    "{{ {}.__class__ }}",
    "{{ self }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ config }}",
    "{{ config.items() }}",
    "{{ request }}",
    "{{ cycler }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ lipsum }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ lipsum() }}",
    "{{ dict }}",
    "{{ dict(a=1) }}",
    "{{ range(10) }}",
    "{{ range(1000000000)|list }}",
    "{{ url_for }}",
    "{{ get_flashed_messages.__globals__ }}",
    "{{ name.format(name) }}",
    "{{ '{0.__class__}'.format(name) }}",
    "{{ '{a.__init__.__globals__}'.format_map({'a': name}) }}",
    "{{ name.upper() }}",
    "{{ name.join(['a']) }}",
    "{{ name.encode() }}",
    "{{ name.__len__() }}",
    "{{ name.mro() }}",
    "{{ (name).__doc__ }}",
    "{% import 'os' as os %}",
    "{% from 'os' import system %}",
    "{% include '/etc/passwd' %}",
    "{% extends 'base.html' %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% call name() %}{% endcall %}",
    "{% set x = name.__class__ %}{{ x }}",
    "{% set x = 1 %}",
    "{% for c in name %}{{ c }}{% endfor %}",
    "{% for x in [].__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "{% block a %}{% endblock %}",
    "{% filter upper %}x{% endfilter %}",
    "{% with a = 1 %}{{ a }}{% endwith %}",
    "{% do name.append(1) %}",
    "{% autoescape true %}{{ name }}{% endautoescape %}",
    "{{ name|map('upper')|list }}",
    "{{ [name]|map(attribute='__class__')|list }}",
    "{{ [name]|selectattr('__class__')|list }}",
    "{{ [name]|groupby('__class__') }}",
    "{{ [name]|sum(attribute='__class__') }}",
    "{{ [name]|sort(attribute='__class__') }}",
    "{{ name|pprint }}",
    "{{ name|tojson }}",
    "{{ name|xmlattr }}",
    "{{ name|list }}",
    "{{ name|random }}",
    "{{ name is filter }}",
    "{{ name is callable }}",
    "{{ loop }}",
    "{{ caller() }}",
    "{{ varargs }}",
    "{{ super() }}",
    "{{ {'a': name} }}",
    "{{ missing }}",
    "{{ missing.attribute }}",
    "{{ missing|upper }}",
    "{{ name",
    "{% if name %}",
    "{{ }}",
    "{{ 1 + }}",
    "{# x",
]

BLOWS = [
    "{{ 'a' * 200000000 }}",
    "{{ name * 200000000 }}",
    "{{ 200000000 * name }}",
    "{{ 'a' * (200000000|int) }}",
    "{{ ['a'] * 200000000 }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ '%999999999d' % 1 }}",
    "{{ '%999999999d'|format(1) }}",
    "{{ '%*d'|format(999999999, 1) }}",
    "{{ '%.999999999f'|format(1.0) }}",
    "{{ name|center(999999999) }}",
    "{{ name|indent(999999999) }}",
    "{{ name|ljust(999999999) }}",
    "{{ long|replace('a', long) }}",
    "{{ long|replace('', long) }}",
    "{{ long|join(long) }}",
    "{{ long }}{{ long }}",
    "{{ long|upper }}{{ long }}",
    "{{ long ~ long }}",
    "{{ long + long + long }}",
    "{% if name %}{{ long }}{{ long }}{% endif %}",
    "{{ name }}" * 20_000,
    "{{ " + " ~ ".join(["long"] * 1000) + " }}",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{{ " + "not " * 5000 + "1 }}",
    "{{ " + "-" * 20_000 + "1 }}",
    "{{ " + "9" * 6000 + " }}",
    "{{ name|batch(999999999, 'x') }}",
    "x" * 70_000,
]
VALUES = {"name": "Chair", "long": "a" * 60_000}


@pytest.mark.parametrize("source", [*ATTACKS, *BLOWS])
def test_what_could_escape_or_explode_raises(source: str) -> None:
    """Each is our own error, and no long work, whether it fails when compiled or when rendered."""
    with pytest.raises(TemplateError):
        compile_template(source).render(VALUES)


def test_there_are_enough_attacks() -> None:
    """The corpus stays a corpus."""
    assert len(set(ATTACKS)) >= 60


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("plain", "plain"),
        ("{{ name }}", "Chair"),
        ("{{name}}-{{ name }}", "Chair-Chair"),
        ("{{ name | upper }}", "CHAIR"),
        ("{{ name[:3] }}{{ name[-1] }}", "Char"),
        ("{% if colour is defined %}{{ colour }}{% else %}plain{% endif %}", "plain"),
        ("{{ colour | default('oak') }}", "oak"),
        ("{{ 'big' if size|int > 5 else 'small' }}", "big"),
        ("{{ '%03d' | format(size|int) }}", "010"),
        ("{{ size|int * 2 + 1 }}", "21"),
        ("{{ size|int // 3 }} {{ size|int % 3 }}", "3 1"),
        ("{{ name ~ '/' ~ size }}", "Chair/10"),
        ("{{ name|replace('Ch', 'St') }}", "Stair"),
        ("{{ 'yes' if name in ['Chair', 'Table'] }}", "yes"),
        ("{# remark #}{{ name }}", "Chair"),
        ("{% raw %}{{ name }}{% endraw %}", "{{ name }}"),
        ("a { b } c }} {{ name }}", "a { b } c }} Chair"),
        ("{{ name }}\n", "Chair\n"),
        ("{{- name -}}  x", "Chairx"),
    ],
)
def test_what_templates_can_do(source: str, expected: str) -> None:
    """Names, filters, tests, conditions, slices and arithmetic."""
    assert compile_template(source).render({"name": "Chair", "size": "10"}) == expected


def test_an_undefined_name_suggests_the_nearest() -> None:
    """A slip in a name is found and the name that was meant is said."""
    for source in ("{{ nme }}", "{{ nme|upper }}"):
        with pytest.raises(TemplateError, match="did you mean `name`"):
            compile_template(source).render(VALUES)


pieces = st.one_of(
    st.sampled_from(["{{ a }}", "{{b}}", "{{\n a\t}}", "{", "}", "{{", "}}", "{%", "%}", "{#", "#}", "\n", "\r", " "]),
    st.sampled_from(["{{ true }}", "{{ a.b }}", "{{ none }}", "{{ 1a }}", "{{ é }}", "%s", "{a}", "{0}", "$a", "\\"]),
    st.text(max_size=5),
)


@given(st.lists(pieces, max_size=6).map("".join), st.text(max_size=8), st.text(max_size=8))
def test_the_fast_way_gives_what_jinja_gives(source: str, a: str, b: str) -> None:
    """Wherever the fast form is taken, Jinja2 renders the same text."""
    try:
        template = compile_template(source)
    except TemplateError:
        return
    if isinstance(template, Simple):
        environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
        assert template.render({"a": a, "b": b}) == environment.from_string(source).render(a=a, b=b)
    else:
        assert isinstance(template, Full)


@pytest.mark.parametrize(
    "source", ["{{ none }}", "a {{ true }}", "{{ False|upper }}", "{% if name %}{{ None }}{% endif %}"]
)
def test_a_column_cannot_be_named_like_a_value_of_the_template_language(source: str) -> None:
    """`{{ none }}` would be drawn as the word None, whatever the column of that name holds."""
    with pytest.raises(TemplateError, match="cannot name a variable; rename it"):
        compile_template(source)


def test_values_of_the_template_language_serve_filters() -> None:
    """As an argument, they mean what they do in the template language."""
    assert compile_template("{{ name|default('x', true) }}").render({"name": ""}) == "x"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ n + 1 }}", "`|int` makes a number of it"),
        ("{{ n | truncate('a') }}", "`|int` makes a number of it"),
        ("{{ row[\u201cn\u201d] }}", "write straight quotation marks"),
        ("{{ \u2018n\u2019 }}", "write straight quotation marks"),
    ],
)
def test_what_cannot_be_rendered_is_told_with_what_to_write(source: str, said: str) -> None:
    """A column is text; editors for letters bend quotation marks."""
    with pytest.raises(TemplateError) as caught:
        compile_template(source).render({"n": "1"})
    assert said in str(caught.value)
