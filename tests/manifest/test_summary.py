"""One pass over a manifest counts everything and finds what clashes."""

import subprocess
import sys
from typing import Any

import pytest

from batchgen.errors import InputError, Problem, Severity
from batchgen.manifest import check, load
from batchgen.manifest.digest_set import Seen, digest_of
from batchgen.model import Job


def summary(context: Any, text: str, name: str = "m.csv") -> Any:
    """Return the summary of a manifest."""
    return check(load(context.write(name, text)))


def messages(found: Any) -> list[str]:
    """Problems with their places, without the folder."""
    return [str(problem).split("/")[-1] for problem in found.problems]


def test_every_row_is_accounted_for(context: Any) -> None:
    """Rows are planned, skipped or rejected, and images are those of the planned ones."""
    found = summary(context, "id,prompt,n\na,p,3\nb,,1\na,p,2\nc,q,4\n,,\n")
    assert (found.rows, found.planned, found.skipped, found.rejected, found.images) == (5, 2, 2, 1, 7)
    assert len(found.problems) == 1


def test_two_jobs_with_one_id_are_named_with_both_places(context: Any) -> None:
    """The same id for another prompt is an error at the second place that names the first."""
    found = summary(context, "id,prompt\na,p\nb,p\na,q\n")
    assert len(found.problems) == 1
    assert str(found.problems[0].place).endswith("m.csv:4:1")
    assert "'a'" in found.problems[0].message
    assert "m.csv:2:1" in found.problems[0].message


def test_ids_clash_across_composition(context: Any) -> None:
    """Two ways to write one letter are one id."""
    assert len(summary(context, "id,prompt\n\u00e9,p\ne\u0301,q\n").problems) == 1


def test_two_jobs_for_one_file_are_found(context: Any) -> None:
    """Paths that differ only by case or composition are one file on some systems."""
    rows = "[{v: Stra\u00dfe}, {v: x}, {v: STRASSE}]"
    text = f"output: {{path: '{{{{ v }}}}-{{{{ index }}}}'}}\njobs: [{{rows: {rows}, prompt: '{{{{ v }}}}'}}]"
    found = summary(context, text, "m.yaml")
    assert len(found.problems) == 1
    assert "would write the same file" in found.problems[0].message
    assert "m.yaml:2:" in found.problems[0].message


@pytest.mark.parametrize(
    ("path", "problems"),
    [("x-{{ index }}.{{ ext }}", 1), ("x", 1), ("{{ f }}/x.{{ ext }}", 0), ("{{ ext }}/x.{{ ext }}", 0)],
)
def test_paths_that_differ_by_extension_alone_are_one(context: Any, path: str, problems: int) -> None:
    """A provider may answer every format with PNG: then both images would have one name."""
    text = (
        f"output: {{path: '{path}'}}\njobs: [{{prompt: p, matrix: {{f: [png, webp]}}, output_format: '{{{{ f }}}}'}}]"
    )
    assert len(summary(context, text, "m.yaml").problems) == problems


def test_a_thousand_clashes_list_fifty(context: Any) -> None:
    """The list is cut at 50 and the rest is counted."""
    found = summary(context, "id,prompt\n" + "".join(f"a,{n}\n" for n in range(1001)))
    assert (len(found.problems), found.more) == (50, 950)


def test_chains_to_nowhere_and_in_circles_are_errors(context: Any) -> None:
    """An unknown id, and jobs that wait for each other, can never be drawn; the order of the file does not matter."""
    text = """
jobs:
  - {id: a, prompt: p, images: ["@b"]}
  - {id: b, prompt: p, images: ["@a", "@gone"]}
  - {id: c, prompt: p, images: ["@d[0]"]}
  - {id: d, prompt: p}
"""
    found = summary(context, text, "m.yaml")
    assert len(found.problems) == 2
    assert "`@gone` names no job" in found.problems[1].message
    assert "a -> b" in found.problems[0].message or "b -> a" in found.problems[0].message


def test_a_image_beyond_n_is_an_error(context: Any) -> None:
    """`@id[2]` needs three images of that job, wherever it stands; what is taken is known."""
    text = 'jobs:\n  - {id: b, prompt: p, images: ["@a[1]", "@a[2]"]}\n  - {id: a, prompt: p, n: 2}\n'
    found = summary(context, text, "m.yaml")
    assert [problem.message for problem in found.problems] == ["`@a[2]` is beyond the 2 of job 'a'; slots count from 0"]
    assert found.taken == {"a"}


def test_others_may_inspect_each_job(context: Any) -> None:
    """An error from outside rejects a job, a warning does not."""
    manifest = load(context.write("m.csv", "id,prompt\na,p\nb,q\nc,r\n"))

    def inspect(job: Any, _lacking: frozenset[str]) -> list[Problem]:
        said = {"a": [Problem("no", job.place)], "b": [Problem("hm", job.place, Severity.WARNING)]}
        return said.get(job.id, [])

    found = check(manifest, inspect)
    assert (found.planned, found.rejected, found.images) == (2, 1, 2)
    assert [p.message for p in found.problems + found.warnings] == ["no", "hm"]


def test_a_path_that_cannot_be_rendered_rejects_its_job(context: Any) -> None:
    """JSONL rows that lack a name of the path are said at their line."""
    context.write("r.jsonl", '{"p": 1, "v": 1}\n{"p": 2}\n')
    text = "output: {path: '{{ v }}-{{ index }}'}\njobs: [{rows: r.jsonl, prompt: '{{ p }}'}]"
    found = summary(context, text, "m.yaml")
    assert (found.planned, found.rejected) == (1, 1)
    assert "`output.path`" in found.problems[0].message


def test_seen_knows_what_it_saw() -> None:
    """A digest is new once."""
    seen = Seen()
    digests = [digest_of(str(n)) for n in range(20_000)]
    assert all(seen.add(digest) for digest in digests)
    assert not any(seen.add(digest) for digest in digests)
    assert digests[0] in seen
    assert digest_of("other") not in seen


MEASURE = """
import resource, sys
from batchgen.manifest import check, load
def peak(name):
    found = check(load(name))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, found.planned
small, few = peak(sys.argv[1])
large, many = peak(sys.argv[2])
print(large - small, few, many)
"""


@pytest.mark.slow
def test_memory_stays_flat(context: Any) -> None:
    """A hundred times the rows take at most some 50 bytes more each."""
    head, row = "id,prompt,size,category\n", "sku{0},Photo of chair {0} in oak on white,1024x1024,seating\n"
    small = context.write("small.csv", head + "".join(row.format(n) for n in range(500)))
    large = context.write("large.csv", head + "".join(row.format(n) for n in range(50_000)))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(small), str(large)], capture_output=True, text=True, check=True
    )
    kilobytes, few, many = map(int, done.stdout.split())
    assert (few, many) == (500, 50_000)
    assert kilobytes < 6000


@pytest.mark.parametrize(("rows", "said"), [("", "there is no row"), ("p,1\np,1\n", ""), (",\n,\n", "left out (2)")])
def test_a_manifest_without_a_job_is_doubted(context: Any, rows: str, said: str) -> None:
    """An export that came out empty is no error, and is not passed over in silence."""
    found = summary(context, "prompt,x\n" + rows)
    assert found.problems == ()
    doubts = [str(warning) for warning in found.warnings if "no image is wanted" in str(warning)]
    assert [said in doubt for doubt in doubts] == [True] * bool(said)


MATRIX = """
limits: {limits}
jobs:
  - matrix: {{a: {ten}, b: {ten}, c: {ten}, d: {ten}, e: {ten}, f: {ten}, g: {ten}, h: {ten}}}
    prompt: "{{{{ a }}}} {{{{ b }}}} {{{{ c }}}} {{{{ d }}}} {{{{ e }}}} {{{{ f }}}} {{{{ g }}}} {{{{ h }}}}"
"""


def test_a_matrix_too_many_is_refused_before_it_is_walked(context: Any) -> None:
    """Hundred million combinations are told at once, with what to write when they are meant."""
    text = MATRIX.format(limits="{}", ten=[*range(10)])
    with pytest.raises(InputError, match=r"100,000,000 jobs; .* limits: {max_images: 100000000}"):
        summary(context, text, "m.yaml")


def test_what_stands_in_one_place_is_said_once(context: Any) -> None:
    """A field of the manifest that every row meets is one mistake."""

    def wrong(job: Job, _lacking: frozenset[str]) -> list[Problem]:
        return [Problem("no such size", job.place_of("size"))]

    context.write("rows.csv", "x\n1\n2\n3\n")
    text = 'jobs:\n  - rows: rows.csv\n    size: 1x1\n    prompt: "{{ x }}"\n'
    found = check(load(context.write("m.yaml", text)), wrong)
    assert (found.rejected, len(found.problems)) == (3, 1)
    assert str(found.problems[0].place).endswith("m.yaml:3:11")
