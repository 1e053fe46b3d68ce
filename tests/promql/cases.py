"""Queries of the kind that goes wrong, thought of by hand; by what they are about."""

from typing import Final

CASES: Final = {
    "numbers": """
        1 | -1 | +1 | 1e3 | 1.5e-3 | .5 | 5. | 0x1F | 0b11 | 0o17 | 017 | 1_000 | Inf | -inf | +Inf | nan | NaN
        1 / 0 | -1 / 0 | 0 / 0 | 0 % 0 | 5 % 0 | -5 % 3 | 5 % -3 | 5.5 % 2 | 2 ^ 3 ^ 2 | -2 ^ 2 | (-2) ^ 0.5
        1 + 2 * 3 - 4 / 2 % 3 | 2 * 3 ^ 2 | 1 atan2 2 | 1 + 2 atan2 3 | 10 % 4 % 3 | - - 1 | 1 - -1 | -(1)
        1 == bool 1 | 1 == bool NaN | NaN != bool NaN | 1 < bool 2 < bool 3 | 1 > bool Inf | 2 > bool 1 + 1
        time() | time() - 1700000000 | pi() | vector(1) | vector(time()) | scalar(vector(1)) | scalar(up)
        scalar(steady) | scalar(nonesuch) | vector(NaN) == vector(NaN) | 1e308 * 10 | -1e308 * 10
        5m | 1h30m | 1d | 1w | 1y | 100ms | 1m * 2 | "text" | 'text' | `te\\xt` | "a\\nb\\u00e9\\"" | 1 # comment
    """,
    "wrong texts": """
        sum( | sum) | up{ | up} | up[ | up[5m | up[5m] + 1 | up 1 | 1 up | + | * up | up + | ( | () | up() | "
        up{job} | up{job=} | up{job="a" | up{"job"="a"} | up{job=a} | up{1a="x"} | up{job=="a"} | {} | {job=""}
        {job=~".*"} | {job!="a"} | {job!=""} | {__name__=~".*p"} | up{__name__="up"} | up{job=~"("} | up{job=~"a{2"}
        up[] | up[5x] | up[-5m] | up[0s] | up[5m:] | up[5m:0s] | up[:1m] | up[5m][5m] | up offset | up offset 5x
        up @ | up @ foo | up @ start | up @ 1 @ 2 | up offset 1m offset 2m | sum(up) offset 1m | (up) offset 1m
        (up) @ 1 | up{job="a"} {job="b"} | 1 == 1 | 1 and 1 | up and 1 | 1 or up | "a" + "b" | "a" == "a" | -"a"
        up + "a" | -up[5m] | up[5m] + up | rate(up) | rate(1) | abs(up[5m]) | abs(1) | abs("a") | abs() | abs(up, up)
        sum(1) | sum(up[5m]) | sum("a") | topk(up) | topk("a", up) | topk(1) | quantile(up, 1) | count_values(up)
        count_values(1, up) | count_values("", up) | count_values("1a", up) | vector(up) | scalar(1) | time(1)
        nonesuch(up) | SUM(up) | Sum(up) | RATE(up[5m]) | sum by job (up) | sum by (job (up) | sum by ("job") (up)
        sum by (job) by (instance) (up) | sum (up) by (job) without (job) | sum by (up) | up by (job)
        up + on up | up + on (job up | up + bool up | up and bool up | up and on (job) group_left up
        up + group_left up | up + on (job) group_left (job) up | up + on () group_left (job) up | up == bool up
        label_replace(up, "a", "b", "c") | label_replace(up, "1a", "b", "job", "(.*)") | label_replace(up, "a", "$1", "job", "(")
        label_replace(up, "", "b", "job", ".*") | label_join(up, "1a", "-", "job") | label_join(up, "a", "-", "")
        label_join(up, "a", "-") | histogram_quantile(up) | round(up, "a") | absent(1) | up{job="a",,} | up{,}
        up{,job="a"} | up[5m] offset | up offset 1m[5m] | rate(up[5m] offset 1m) | up offset -1m | up offset - 1m
        up offset 1m @ start() | up @ -1 | up @ +1 | up @ 1e3 | up @ 0x10 | up @ NaN | up @ Inf | offset | by | bool
        up{by="x"} | offset offset offset | sum by (offset) (up) | start | end | start() | up @ start() | up[1h1m1s1ms]
        up[1m1h] | up[1m1m] | up[1.5h] | up[5m:1m:1m] | up{job="a\\xff"} | up{job="\\q"} | up{job='a"'} | up{job=`a`}
    """,
    "selectors": r"""
        up | up{} | {__name__="up"} | {__name__=~"up|once"} | {job="a"} | up{job!="a"} | up{job=~"A"} | up{job=~"(?i)A"}
        up{job=~"a|b",job!~"b"} | up{job=~""} | up{job!~""} | temperature{zone=""} | temperature{zone!=""} | up{job=~".+"}
        up{job=~"^a$"} | up{job=~"a*"} | up{job=~".*a"} | up{job=~"[^a]"} | up{nonesuch!="x"} | odd:name{path="a\"b\\c"}
        odd:name{word="ä\nö"} | odd:name{word=~"ä.ö"} | odd:name{word=~"(?-s)ä.ö"} | odd:name{word=~"\\w.*"}
        odd:name{path=~"a\"b\\\\c"} | up[1m] | up[1m] offset 1m | up[1m] offset -1m | up[1m] @ 1700000940 | up[5m:1m]
        up[5m:1m] offset 30s | up[5m:] | up[5m:1m] @ 1700000940 | up[5m:1m] @ end() | (up + up)[2m:30s] | 1[5m:1m]
        temperature[2m] | once[1h] | twice[1h] | requests_total{job="a"}[20m] | sparse | sparse[5m] | fast_total[20s]
        up offset 1h | up offset 20m | up @ 1700000940 | up @ 1700000940.5 offset 1m | nonesuch | nonesuch[5m] | up offset 1ms
    """,
    "staleness": """
        requests_total{job="a",instance="2"} | requests_total{job="b",instance="1"} | requests_total{job="b",instance="2"}
        count(requests_total) | count_over_time(requests_total[10m]) | last_over_time(requests_total[10m])
        rate(requests_total[10m]) | increase(requests_total[20m]) | irate(requests_total[10m]) | idelta(requests_total[10m])
        delta(requests_total[10m]) | resets(requests_total[30m]) | changes(requests_total[30m]) | deriv(requests_total[10m])
        present_over_time(requests_total[1m]) | absent_over_time(requests_total[1m]) | absent_over_time(once[5m])
        absent(requests_total{job="b",instance="2"}) | absent(once) | absent_over_time(nonesuch{a="b",c=~"d"}[5m])
        absent(nonesuch{a="b",a="c"}) | absent(sum(nonesuch)) | absent(nonesuch + up) | absent(nonesuch or nonesuch2)
        timestamp(requests_total) | timestamp(up offset 1m) | timestamp(timestamp(up)) | timestamp(up + 0) | timestamp((up))
        timestamp(-up) | timestamp(up @ 1700000940) | time() - timestamp(sparse) | sum(timestamp(up))
        rate(once[1h]) | rate(twice[1h]) | increase(twice[2m]) | deriv(twice[1h]) | deriv(once[1h]) | irate(twice[1h])
        predict_linear(twice[1h], 60) | stddev_over_time(once[1h]) | quantile_over_time(0.5, twice[1h]) | changes(once[1h])
    """,
    "nan and infinity": """
        temperature == temperature | temperature != temperature | temperature > 0 | temperature < Inf | -temperature
        max(temperature) | min(temperature) | sum(temperature) | avg(temperature) | count(temperature) | stddev(temperature)
        max by (zone) (temperature) | min by (zone) (temperature) | quantile(0.5, temperature) | quantile(0, temperature)
        quantile(NaN, temperature) | quantile(1.1, temperature) | quantile(-0.1, temperature) | topk(3, temperature)
        bottomk(3, temperature) | topk(100, temperature) | sort(temperature) | sort_desc(temperature) | stdvar(temperature)
        max_over_time(temperature[5m]) | min_over_time(temperature[5m]) | sum_over_time(temperature[5m])
        avg_over_time(temperature[5m]) | stddev_over_time(temperature[5m]) | quantile_over_time(0.9, temperature[5m])
        quantile_over_time(2, temperature[5m]) | quantile_over_time(NaN, temperature[5m]) | changes(temperature[5m])
        rate(temperature[5m]) | delta(temperature[5m]) | deriv(temperature[5m]) | resets(temperature[5m])
        predict_linear(temperature[5m], 60) | round(temperature, 0.5) | round(temperature, 0) | round(temperature, -2)
        clamp(temperature, -5, 5) | clamp(temperature, 5, -5) | clamp(temperature, NaN, 5) | clamp_min(temperature, NaN)
        clamp_max(temperature, 0) | sgn(temperature) | ceil(temperature) | floor(temperature) | temperature % 3 | temperature ^ 2
        temperature and temperature | count_values("v", round(temperature)) | avg(huge) | sum(huge) | stddev(huge)
        avg_over_time(huge[5m]) | sum_over_time(huge[5m]) | huge * huge | huge / huge | minute(temperature) | year(huge)
        day_of_week(temperature * 1e9) | days_in_month(vector(1709164800)) | day_of_year(vector(1709164800)) | hour() | year()
        month(vector(-1)) | sqrt(temperature) | ln(temperature) | exp(temperature) | topk(NaN, up) | topk(Inf, up) | topk(-1, up)
        topk(1.9, members) | topk(scalar(nonesuch), up) | quantile(scalar(steady) / 100, members) | bottomk(0, up)
    """,
    "histograms": """
        histogram_quantile(0.5, shape_bucket) | histogram_quantile(0, shape_bucket) | histogram_quantile(1, shape_bucket)
        histogram_quantile(NaN, shape_bucket) | histogram_quantile(-1, shape_bucket) | histogram_quantile(1.1, shape_bucket)
        histogram_quantile(0.99, shape_bucket) | histogram_quantile(0.01, shape_bucket) | histogram_quantile(0.5, up)
        histogram_quantile(0.5, rate(shape_bucket[5m])) | histogram_quantile(0.5, sum by (le) (shape_bucket))
        histogram_quantile(0.5, sum by (job, le) (rate(latency_seconds_bucket[5m]))) | histogram_quantile(scalar(up), shape_bucket)
        histogram_quantile(0.9, latency_seconds_bucket{le!="+Inf"}) | histogram_quantile(0.9, shape_bucket > 1000)
        histogram_quantile(0.5, {__name__=~"shape_bucket|latency_seconds_bucket"}) | histogram_quantile(0.9, nonesuch)
        histogram_quantile(0.5, label_replace(shape_bucket, "le", "$1.0", "le", "([0-9])")) | histogram_quantile(time(), shape_bucket)
    """,
    "matching": """
        up + up | up + capacity | up + on (job) up | up + on (job, instance) capacity | up + ignoring (job) up | up + on () up
        members + on (group) owners | members + on (group) group_left owners | members + on (group) group_left (owner) owners
        owners + on (group) group_right members | owners + on (group) group_right (owner) members | members + owners
        members + on (group) group_left (owner, nonesuch) owners | members + on (group) group_left (member) owners
        members > on (group) group_left owners | members > bool on (group) group_left (owner) owners | members == on (group) members
        members and on (group) owners | members or on (group) owners | members unless on (group) owners | members and owners
        members and on () owners | members unless on () nonesuch | members or members | up or capacity | up and ignoring (job) up
        up or on (job) capacity | up unless capacity | nonesuch or vector(1) | up or vector(1) | vector(1) or up | nonesuch and up
        requests_total / ignoring (code) group_left sum by (job, instance, route) (requests_total) | errors_total / requests_total
        requests_total * on (job, instance) group_left (version) build_info | up * on (job) group_left (version) build_info
        sum by (job) (up) / on (job) group_right up | up > bool 0 | up == 1 | 1 == up | 0 < bool up | up > capacity | up != bool capacity
        (up + on (job, instance) capacity) * 2 | {__name__=~"up|capacity"} + 1 | {__name__=~"up|capacity"} * on (__name__, job, instance) up
        up * on (__name__) group_left up | up + ignoring (instance, job) capacity | {__name__=~"up|capacity"} and up | -{__name__=~"up|capacity"}
        {__name__=~"up|capacity"} > 0 | {__name__=~"up|capacity"} > bool 0 | abs({__name__=~"up|capacity"}) | rate({__name__=~"up|capacity"}[5m])
        last_over_time({__name__=~"up|capacity"}[5m]) | sum_over_time({__name__=~"up|capacity"}[5m]) | sort({__name__=~"up|capacity"})
        clamp_min({__name__=~"up|capacity"}, 0) | timestamp({__name__=~"up|capacity"}) | round({__name__=~"up|capacity"}) | up + nonesuch
    """,
    "aggregations": """
        sum(up) | sum by () (up) | sum without () (up) | sum by (job) (up) | sum by (nonesuch) (up) | sum without (nonesuch) (up)
        sum by (__name__) ({__name__=~"up|capacity"}) | count by (__name__) ({job="a"}) | sum without (job) ({__name__=~"up|capacity"})
        sum by (job, job) (up) | group(up) | group by (job) (nonesuch) | stddev by (job) (requests_total) | stdvar(members)
        stddev(steady) | avg by (job) (requests_total) | count(nonesuch) | sum(nonesuch) | max(nonesuch) or vector(0)
        topk(1, requests_total) | topk by (job) (1, requests_total) | bottomk without (code, route) (2, requests_total) | topk(1, nonesuch)
        sum(topk(2, members)) | topk(2, sum by (group) (members)) | topk(3, up) | sum by (job) (topk(1, up)) | topk(5, zero_total)
        count_values("value", up) | count_values("job", up) | count_values by (job) ("value", up) | count_values without (instance) ("v", up)
        count_values("v", members / 3) | count_values("v", huge) | count_values("v", temperature) | quantile by (job) (0.5, requests_total)
        quantile(0.5, nonesuch) | quantile(0.3, members) | sum(sum by (job) (up)) | max by (job) (sum by (job, instance) (requests_total))
    """,
    "labels": r"""
        label_replace(up, "made", "$1", "job", "(.*)") | label_replace(up, "made", "$1-$2", "job", "(.)(.*)") | label_replace(up, "job", "x", "job", ".*")
        label_replace(up, "instance", "", "job", ".*") | label_replace(up, "made", "x", "nonesuch", ".*") | label_replace(up, "made", "x", "nonesuch", ".+")
        label_replace(up, "made", "x", "nonesuch", "") | label_replace(up, "made", "${first}", "job", "(?P<first>.)") | label_replace(up, "made", "$first", "job", "(?P<first>.)")
        label_replace(up, "made", "$1x", "job", "(.)") | label_replace(up, "made", "${1}x", "job", "(.)") | label_replace(up, "made", "$$1", "job", "(.)")
        label_replace(up, "made", "$", "job", "(.)") | label_replace(up, "made", "${", "job", "(.)") | label_replace(up, "made", "${1", "job", "(.)")
        label_replace(up, "made", "$9", "job", "(.)") | label_replace(up, "made", "$0", "job", ".+") | label_replace(up, "made", "x", "job", "A|(?i:A)")
        label_replace(up, "__name__", "new", "job", "a") | label_replace(up, "__name__", "", "job", ".*") | label_replace(up, "__name__", "x y", "job", ".*")
        label_replace(sum(up), "made", "x", "", "") | label_replace(up, "made", "$1", "__name__", "(.*)") | label_replace(rate(up[5m]), "made", "$1", "__name__", "(.*)")
        label_replace(up, "le", "$1", "instance", "(\\d)") | label_replace(odd:name, "made", "$1", "word", "(.*)") | label_replace(odd:name, "made", "$1", "path", "(.*)\\\\c")
        label_replace(nonesuch, "made", "x", "job", ".*") | sum by (made) (label_replace(up, "made", "$1", "job", "(.*)")) | label_replace(up[5m], "a", "b", "c", "d")
        label_join(up, "made", "-", "job", "instance") | label_join(up, "made", "", "job", "nonesuch") | label_join(up, "job", "-") | label_join(up, "made", "-")
        label_join(up, "instance", ",", "nonesuch") | label_join(up, "__name__", "_", "__name__", "job") | label_join(up, "made", ", ", "job", "job")
    """,
    "subqueries": """
        max_over_time(rate(requests_total[1m])[10m:1m]) | avg_over_time((up == 1)[10m:30s]) | rate(sum by (job) (requests_total)[5m:15s])
        sum_over_time(vector(1)[5m:1m]) | count_over_time(up[5m:]) | count_over_time(up[5m:7s]) | count_over_time(up[1m:1m])
        count_over_time(up[1m:2m]) | count_over_time((up offset 1m)[5m:1m]) | count_over_time(up[5m:1m] offset 1m) | sum_over_time(time()[5m:1m])
        count_over_time(up[5m:1m] @ 1700000940) | count_over_time((up @ 1700000940)[5m:1m]) | last_over_time(timestamp(up)[5m:1m])
        max_over_time(max_over_time(members[1m])[5m:30s]) | max_over_time((max_over_time(members[1m:10s])[5m:30s])[10m:1m])
        changes(up[10m:15s]) | resets(requests_total[30m:1m]) | delta(members[5m:30s]) | deriv(members[5m:30s]) | irate(requests_total[5m:10s])
        absent_over_time(up[5m:1m]) | absent_over_time(nonesuch{a="b"}[5m:1m]) | absent_over_time((up > 5)[5m:1m]) | stddev_over_time(up[5m:1m])
        quantile_over_time(0.9, rate(requests_total[1m])[5m:30s]) | min_over_time(scalar(sum(up))[5m:1m]) | sum_over_time(1[5m:1m])
        max_over_time((members - members offset 1m)[5m:1m]) | sum(sum_over_time(up[5m:1m])) | present_over_time(once[10m:1m]) | up[5m:1m] + 1
    """,
    "what may be refused": """
        histogram_count(up) | histogram_sum(up) | histogram_avg(up) | histogram_stddev(up) | histogram_stdvar(up) | histogram_fraction(0, 1, shape_bucket)
        info(up) | mad_over_time(up[5m]) | double_exponential_smoothing(up[5m], 0.5, 0.5) | holt_winters(up[5m], 0.5, 0.5) | limitk(1, up)
        limit_ratio(0.5, up) | sort_by_label(up, "job") | sort_by_label_desc(up, "job") | ts_of_max_over_time(up[5m]) | first_over_time(up[5m])
        {"up"} | {"up", job="a"} | {"odd name"} | up{"job"="a"} | sum by ("job") (up) | up[5] | up offset 5 | up[5m:5] | rate(up[300])
    """,
}
"""Queries are separated by ` | ` or lines."""


def queries(about: str) -> list[str]:
    """Those of one kind."""
    lines = CASES[about].strip().splitlines()
    return [query.strip() for line in lines for query in line.split(" | ")]
