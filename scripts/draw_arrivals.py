#!/usr/bin/python3
"""Draws the requests that arrived at a provider which fails for a while, as test/fault/breaker.t keeps them.

usage: draw_arrivals.py ARRIVALS.json >PICTURE.svg
"""

import json
import math
import sys
from collections import Counter

WIDTH, HEIGHT = 960, 380
LEFT, RIGHT, TOP, BOTTOM = 60, 20, 64, 64
GOOD, BAD, OUTAGE, INK, FAINT = '#3a7d5c', '#b5432f', '#f3e3df', '#223', '#9ab'


def text(x, y, words, anchor='middle', **more):
    attributes = ''.join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{attributes}>{words}</text>'


def draw(kept):
    arrivals = kept['arrivals']
    begin = min(arrival['at'] for arrival in arrivals if arrival['status'] != 200)
    end = begin + kept['outage_ms'] / 1000
    last = math.ceil(arrivals[-1]['at'])
    good, bad = Counter(), Counter()
    for arrival in arrivals:
        (good if arrival['status'] == 200 else bad)[int(arrival['at'])] += 1
    highest = max((good + bad).values())
    top = math.ceil(highest / 10) * 10

    def x(seconds):
        return LEFT + seconds * (WIDTH - LEFT - RIGHT) / last

    def y(count):
        return HEIGHT - BOTTOM - count * (HEIGHT - TOP - BOTTOM) / top

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="DejaVu Sans, Helvetica, Arial, sans-serif" font-size="13" fill="{INK}">',
           '<title>Requests that arrive at a provider that fails for a while</title>',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
           text(LEFT, 24, 'Requests arriving per second', 'start', font_size=15),
           f'<rect x="{x(begin):.1f}" y="{TOP}" width="{x(end) - x(begin):.1f}" height="{HEIGHT - TOP - BOTTOM}" fill="{OUTAGE}"/>',
           text((x(begin) + x(end)) / 2, TOP - 8, f'every request is answered with an error for {kept["outage_ms"] / 1000:g} s', fill=BAD)]
    for count in range(0, top + 1, max(10, top // 50 * 10)):
        out += [f'<path d="M{LEFT} {y(count):.1f}H{WIDTH - RIGHT}" stroke="{FAINT}" stroke-width="0.5"/>', text(LEFT - 8, y(count) + 4, count, 'end')]
    for seconds in range(0, last + 1, 10):
        out.append(text(x(seconds), HEIGHT - BOTTOM + 18, seconds))
    out.append(text(WIDTH - RIGHT, HEIGHT - BOTTOM + 36, 'seconds', 'end'))
    wide = max(1.5, x(1) - x(0) - 0.8)
    for second in range(last + 1):
        for count, under, color in ((bad[second], 0, BAD), (good[second], bad[second], GOOD)):
            if count:
                out.append(f'<rect x="{x(second):.1f}" y="{y(under + count):.1f}" width="{wide:.1f}" height="{y(under) - y(under + count):.1f}" fill="{color}"/>')
    probes = [arrival['at'] for arrival in arrivals if arrival['status'] != 200 and arrival['at'] > begin + 2]
    probes.append(min(arrival['at'] for arrival in arrivals if arrival['status'] == 200 and arrival['at'] > begin + 2))
    # A single request is a bar of hardly a pixel: it gets a mark of its own.
    for probe in probes:
        color = BAD if probe < probes[-1] else GOOD
        out += [f'<path d="M{x(probe):.1f} {y(0) - 16:.1f}l-4 -8h8z" fill="{color}"/>', text(x(probe) + 4, y(0) - 30, f'{probe - begin:.0f} s', 'end', font_size=11, fill=color)]
    out += [f'<path d="M{LEFT} {y(0):.1f}H{WIDTH - RIGHT}" stroke="{INK}"/>',
            f'<rect x="{LEFT}" y="{HEIGHT - 24}" width="12" height="12" fill="{GOOD}"/>', text(LEFT + 18, HEIGHT - 13, 'answered', 'start'),
            f'<rect x="{LEFT + 100}" y="{HEIGHT - 24}" width="12" height="12" fill="{BAD}"/>', text(LEFT + 118, HEIGHT - 13, 'answered with an error', 'start'),
            text(LEFT + 290, HEIGHT - 13, '▼ one request that sees whether the provider is well, and how long after the failure began', 'start'),
            '</svg>']
    return '\n'.join(out) + '\n'


if __name__ == '__main__':
    with open(sys.argv[1], encoding='utf-8') as file:
        sys.stdout.write(draw(json.load(file)))
