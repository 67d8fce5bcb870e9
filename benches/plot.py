#!/usr/bin/env python3
"""Draws docs/growth.svg from benches/growth.tsv.

    cargo run --release --manifest-path benches/Cargo.toml --bin growth > benches/growth.tsv
    python3 -m venv target/venv && target/venv/bin/pip install matplotlib
    target/venv/bin/python benches/plot.py
"""

import csv
from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use("svg")
# The same picture from the same table: no time, no random names.
matplotlib.rcParams.update({"svg.hashsalt": "hybi", "svg.fonttype": "none", "font.size": 9})
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import FormatStrFormatter, LogLocator  # noqa: E402

HERE = Path(__file__).parent
PLOTS = {
    "message size": ("bytes of a message, read by 16 KiB", "ns per byte"),
    "read size": ("bytes of a read, messages of 1 MiB", "ns per byte"),
    "connections": ("connections, in turn 125 bytes each", "ns per message"),
}
STYLES = {
    "hybi, RFC 6455": ("#0b6e4f", "o"),
    "hybi, Hixie-76": ("#e07a1f", "s"),
    "tungstenite": ("#555577", "^"),
    "tokio-websockets": ("#3a86c8", "v"),
    "fastwebsockets": ("#b23a6f", "D"),
    "nexus-web": ("#8a7a1f", "x"),
}


def main():
    points = defaultdict(list)
    with open(HERE / "growth.tsv", newline="") as table:
        for row in csv.DictReader(table, delimiter="\t"):
            points[row["plot"], row["line"]].append((int(row["x"]), float(row["y"])))
    figure, axes = plt.subplots(1, len(PLOTS), figsize=(11, 3.6), layout="constrained")
    for axis, (plot, (x_label, y_label)) in zip(axes, PLOTS.items()):
        for line, (colour, marker) in STYLES.items():
            if (plot, line) not in points:
                continue
            x, y = zip(*sorted(points[plot, line]))
            axis.loglog(x, y, color=colour, marker=marker, markersize=4, label=line)
        axis.set_xlabel(x_label)
        axis.set_ylabel(y_label)
        axis.grid(True, which="major", linewidth=0.4, alpha=0.6)
        axis.minorticks_off()
        # The third plot is within one power of ten.
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    axes[0].legend(frameon=False)
    figure.savefig(HERE.parent / "docs" / "growth.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
