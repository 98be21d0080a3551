"""How many requests a provider takes in how much time, and when it takes none at all. Pure: every method is told the
time, in seconds of any clock that never goes back."""

from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol


class Limiter(Protocol):
    count: int

    def remaining(self, now: float) -> float: ...

    def take(self, now: float, cost: float) -> None:
        """Whether or not there is that much left."""

    def wait(self, now: float, cost: float) -> float:
        """Seconds until that much is left; 0: now."""

    def reset(self, now: float) -> float:
        """Seconds until all of it is left again."""


class FixedWindow:
    """count in each window; the first begins with the first request, the others at multiples of its length."""

    def __init__(self, count: int, window: float, **_: Any) -> None:
        self.count, self.window = count, window
        self.begin: float | None = None
        self.used = 0.0

    def _turn(self, now: float) -> float:
        """The end of the window that is now."""
        if self.begin is None:
            self.begin = now
        passed = (now - self.begin) // self.window
        if passed > 0:
            self.begin += passed * self.window
            self.used = 0
        return self.begin + self.window

    def remaining(self, now: float) -> float:
        self._turn(now)
        return max(0, self.count - self.used)

    def take(self, now: float, cost: float) -> None:
        self._turn(now)
        self.used += cost

    def wait(self, now: float, cost: float) -> float:
        return 0 if self.remaining(now) >= cost else self._turn(now) - now

    def reset(self, now: float) -> float:
        return self._turn(now) - now if self.used else 0


class SlidingWindow:
    """count within any window that ends now."""

    def __init__(self, count: int, window: float, **_: Any) -> None:
        self.count, self.window = count, window
        self.taken: deque[tuple[float, float]] = deque()
        self.used = 0.0

    def _forget(self, now: float) -> None:
        while self.taken and self.taken[0][0] <= now - self.window:
            self.used -= self.taken.popleft()[1]

    def remaining(self, now: float) -> float:
        self._forget(now)
        return max(0, self.count - self.used)

    def take(self, now: float, cost: float) -> None:
        self._forget(now)
        self.taken.append((now, cost))
        self.used += cost

    def wait(self, now: float, cost: float) -> float:
        lacking = cost - self.remaining(now)
        for moment, freed in self.taken:
            if lacking <= 0:
                return 0
            lacking -= freed
            if lacking <= 0:
                return moment + self.window - now
        return 0 if lacking <= 0 else self.window

    def reset(self, now: float) -> float:
        self._forget(now)
        return self.taken[-1][0] + self.window - now if self.taken else 0


class TokenBucket:
    """burst at once, and count in each window as they trickle in. With a burst of 1: a leaky bucket, or GCRA."""

    def __init__(self, count: int, window: float, burst: int | None = None, **_: Any) -> None:
        self.count, self.window = count, window
        self.size = float(burst or count)
        self.level = self.size
        self.last: float | None = None

    def _fill(self, now: float) -> None:
        passed = now - (self.last if self.last is not None else now)
        self.level = min(self.size, self.level + passed * self.count / self.window)
        self.last = now

    def remaining(self, now: float) -> float:
        self._fill(now)
        return max(0, self.level)

    def take(self, now: float, cost: float) -> None:
        self._fill(now)
        self.level -= cost

    def wait(self, now: float, cost: float) -> float:
        self._fill(now)
        # What is waited for to the last moment is there, whatever the rounding of floating point says.
        lacking = cost - self.level
        return lacking * self.window / self.count if lacking > 1e-9 else 0

    def reset(self, now: float) -> float:
        self._fill(now)
        return (self.size - self.level) * self.window / self.count


KINDS: dict[str, Any] = {'fixed_window': FixedWindow, 'sliding_window': SlidingWindow, 'token_bucket': TokenBucket}
TELLS = ('nothing', 'retry', 'limits')


@dataclass
class Limit:
    """One limit as a test says it."""
    kind: str  # of KINDS
    count: int
    window_ms: int
    burst: int | None = None  # token_bucket
    model: str | None = None  # None: of all models together
    axis: str = 'requests'  # or tokens
    tells: str = 'nothing'  # of a refusal: nothing, retry (when to ask again); of every answer: limits
    counts_refused: bool = False  # what is refused is counted as well

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.tells not in TELLS or self.axis not in ('requests', 'tokens'):
            raise ValueError(f'there is no such limit: {self.kind}, {self.axis}, {self.tells}')
        self.limiter: Limiter = KINDS[self.kind](self.count, self.window_ms / 1000, burst=self.burst)

    def told(self, now: float) -> 'Told':
        limiter = self.limiter
        return Told(self.axis, self.count, int(limiter.remaining(now)), limiter.reset(now), limiter.wait(now, 1), self.window_ms,
                    self.tells)


@dataclass
class Told:
    """What a provider says of one limit; times in seconds."""
    axis: str
    limit: int
    remaining: int
    reset: float
    wait: float
    window_ms: int
    tells: str


@dataclass
class Outage:
    """All requests of a model, or of all, are answered with an error from after_ms to after_ms + for_ms from now."""
    for_ms: int
    after_ms: int = 0
    status: int = 500
    model: str | None = None
    begin: float = 0

    def is_on(self, model: str, now: float) -> bool:
        begin = self.begin + self.after_ms / 1000
        return self.model in (None, model) and begin <= now < begin + self.for_ms / 1000


class Limits:
    def __init__(self) -> None:
        self.limits: list[Limit] = []
        self.outages: list[Outage] = []

    def set_limits(self, wanted: list[dict[str, Any]]) -> None:
        self.limits = [Limit(**each) for each in wanted]

    def set_outages(self, wanted: list[dict[str, Any]], now: float) -> None:
        self.outages = [Outage(**each, begin=now) for each in wanted]

    def outage(self, model: str, now: float) -> Outage | None:
        return next((each for each in self.outages if each.is_on(model, now)), None)

    def admit(self, model: str, tokens: int, now: float) -> tuple[Told | None, list[Told]]:
        """The limit that refuses the request, if there is one, and what all of them say afterwards."""
        limits = [each for each in self.limits if each.model in (None, model)]
        costs = [1 if each.axis == 'requests' else tokens for each in limits]
        waits = [each.limiter.wait(now, cost) for each, cost in zip(limits, costs)]
        refused = any(wait > 0 for wait in waits)
        for each, cost in zip(limits, costs):
            if not refused or each.counts_refused:
                each.limiter.take(now, cost)
        told = [each.told(now) for each in limits]
        if not refused:
            return None, told
        longest = max(range(len(waits)), key=lambda place: waits[place])
        told[longest].wait = limits[longest].limiter.wait(now, costs[longest])
        return told[longest], told
