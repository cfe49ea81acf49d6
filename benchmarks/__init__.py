"""What the speed and memory bars are measured with: batchgen beside a plain script on the vendor's SDK, in one run.

`python -m benchmarks` runs everything, prints Markdown tables and names the worst case; `python -m benchmarks small
refused` picks, `--quick` takes one round of smaller counts, `--long` more of all, and `--disk FOLDER` writes to a
real disk instead of memory, so that waiting for it counts. Each side is a process of its own on one core, the server
another one on the other core, and the sides take turns, so that what else the machine does hits both. Ratios are to
be trusted, absolute figures less.
"""
