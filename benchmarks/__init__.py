"""What the speed and memory bars are measured with: batchgen beside a plain script on the vendor's SDK, in one run.

`python -m benchmarks` runs everything and prints Markdown tables; `python -m benchmarks images rate` picks, `--short`
takes fewer repetitions, `--long` more. Each side is a process of its own on one core, the server another one on the
other core, and the sides take turns, so that what else the machine does hits both. Ratios are to be trusted, absolute
figures less.
"""
