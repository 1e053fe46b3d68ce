"""The words that generated queries are made of."""

from typing import Final


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


COUNTERS: Final = _words("requests_total errors_total latency_seconds_count fast_total")
GAUGES: Final = _words("temperature members owners sparse requests_total latency_seconds_sum")
FEW: Final = _words("up build_info capacity steady once twice zero_total huge shape_bucket")
LABELS: Final = _words("job instance route code zone group le nonesuch")
MATCHERS: Final = _words("""
    job="a" job!="a" job=~"a|b" job!~"b.*" instance="1" instance=~"(?i:1)" code=~"5.." code!="200"
    route="/x" route="" route!="" zone=~".*t" zone=~".+" zone!~"north|" group=~"[xy]" le!="+Inf"
    le="1" nonesuch="" job="none"
""")
RATES: Final = _words("rate increase irate delta idelta deriv")
OVER_TIME: Final = _words("""
    avg_over_time min_over_time max_over_time sum_over_time count_over_time stddev_over_time
    stdvar_over_time last_over_time present_over_time absent_over_time
""")
PLAIN: Final = _words("""
    abs exp ln log2 log10 sqrt timestamp sort sort_desc absent deg rad
    sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh
""")
COMMON: Final = _words("abs sqrt timestamp sort absent")
STEPPED: Final = _words("""
    ceil floor round sgn
    minute hour day_of_week day_of_month day_of_year days_in_month month year
""")
"""Functions whose result depends on the last digit; they get exact arguments."""
FOLDS: Final = _words("sum avg min max count group stddev stdvar")
ARITHMETIC: Final = _words("+ - * / ^ atan2")
COMPARISONS: Final = _words("== != > < >= <=")
PARTS: Final = _words("0 0.5 0.9 0.99 1 -1 2 NaN")
NUMBERS: Final = _words("0 1 2 -1 0.5 3.25 100 1e3 Inf -Inf NaN 0x1f")
OFFSETS: Final = _words("1m 30s 7m -1m 1h")
TIMES: Final = _words("1700000940 1700000900.5 start() end() 1699999000")
WINDOWS: Final = _words("1m 5m 37s 15s 10m 1h 20s 1m30s")
SUBQUERIES: Final = _words("5m:1m 10m:30s 3m: 2m:20s 10m:1m30s 1m:7s")
TYPOS: Final = (" ", *_words("""
    ( ) [ ] { } , " by on bool 5m 1 - = == and offset @ $ : sum rate( é # \\ !~ group_left
"""))  # fmt: skip
RELATED: Final = (
    ("errors_total", "requests_total"),
    ("rate(errors_total[5m])", "rate(requests_total[5m])"),
    ("sum by (job, instance) (rate(requests_total[2m]))", "capacity"),
    ("latency_seconds_sum", "latency_seconds_count"),
    ("rate(latency_seconds_sum[5m])", "rate(latency_seconds_count[5m])"),
    ("members", "members offset 2m"),
    ('requests_total{code="200"}', 'on (job, instance, route) requests_total{code="404"}'),
    ('requests_total{code="500"}', 'ignoring (code) requests_total{code="404"}'),
)
"""Pairs of operands with the same labels."""
MANY: Final = (
    ("members", "on (group) group_left owners"),
    ("members", "on (group) group_left (owner) owners"),
    ("members", "on (group) group_left () owners"),
    ("owners", "on (group) group_right members"),
    ("owners", "on (group) group_right (owner) members"),
    ("requests_total", "on (job, instance) group_left (version) build_info"),
    ("requests_total", "on (job, instance) group_left build_info"),
    ("requests_total", "ignoring (route, code) group_left () up"),
    (
        "rate(requests_total[5m])",
        "on (job) group_left () sum by (job) (rate(requests_total[5m]))",
    ),
    ("up", "on (job) up"),
)
"""Pairs in which one side has several series for one of the other, or none, or too many."""
HISTOGRAMS: Final = (
    "latency_seconds_bucket",
    "shape_bucket",
    "sum by (le) (rate(latency_seconds_bucket[1m]))",
    "sum by (job, le) (rate(latency_seconds_bucket[5m]))",
    "max without (instance) (rate(latency_seconds_bucket[5m]))",
    "rate(shape_bucket[5m])",
    "increase(latency_seconds_bucket[5m])",
)
REPLACEMENTS: Final = ("$1", "x-$1", "${1}y", "", "é", "$2", "$$", "${name}")
PATTERNS: Final = ("(.*)", "(.+)", "([45])..", "a", "", "(?P<name>.)(.*)")
