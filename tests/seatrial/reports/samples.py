"""Reports of every kind, for the tests of every format."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from seatrial import verify
from seatrial.baseline import Finding
from seatrial.checks import Check, Problem, all_checks
from seatrial.evidence.pictures import LayerPicture, Moment, NetworkPicture, PartPicture, Pictures, ServicePicture
from seatrial.evidence.places import Place
from seatrial.settings import Waiver
from seatrial.verify import Report, Result, Verdict
from seatrial.waivers import Waived
from tests import good

CHECK = next(check for check in all_checks() if check.id == "image.user")
OTHER = next(check for check in all_checks() if check.id == "redis.users")
THIRD = next(check for check in all_checks() if check.id == "compose.read_only")
CONTROLS = "a\x1b[2Jb\x1b]0;title\x07c\rd\be\u202ef\u2066g\u2028h\x9bi\u200bj\x00k\x7fl\ufffem\ud800n\t"
FORGED = "x\nPASS  image.user everything is fine\n\nPASS: 1 PASS in 0.1 s (exit code 0)\n::warning::forged\n## forged"
MARKUP = (
    """<script>alert(1)</script><img src=http://192.0.2.1/x onerror=alert(2)>"'></td>&amp;&#x41;]]>{{ 7*7 }}{% raw %}"""
)
MARKDOWN = "`code` ``two`` **bold** [link](http://192.0.2.1) ![i](http://192.0.2.1/i) | cell | @everyone #1 <b> ~~x~~"
EMOJI = "\N{FIRE}\N{WHITE HEAVY CHECK MARK} \u05e9\u05dc\u05d5\u05dd"
HOSTILE = f"{CONTROLS}{FORGED}{MARKUP}{MARKDOWN}{EMOJI}"


def result(verdict: Verdict, *problems: Problem, check: Check = CHECK, examined: str = "", reason: str = "") -> Result:
    return Result(check, verdict, problems, examined, reason, 0.25)


def report(*results: Result, pictures: Pictures | None = None, **subject: str) -> Report:
    return Report(subject, results, 2.5, pictures or Pictures())


def hostile(text: str) -> Report:
    """Return a report in which everything that others may write is one text."""
    pictures = Pictures(
        (LayerPicture(1, text, 10, 1, is_base=True), LayerPicture(2, text, 5, 1, is_base=False)),
        (PartPicture(text, 5),),
        (ServicePicture(text, text, (text,), (text,), (text,), (text,)),),
        (NetworkPicture(text, is_internal=True),),
        (Moment(0.0, "start", text), Moment(1.5, "healthy", text)),
    )
    return report(
        result(Verdict.FAIL, Problem(text, text, Place("Dockerfile", 3)), Problem(text, text, Place(text, 1))),
        result(Verdict.ERROR, reason=text),
        result(Verdict.SKIP, check=OTHER, reason=text),
        replace(
            result(Verdict.WAIVED, check=OTHER),
            waived=(Waived(Problem(text, text), Waiver(OTHER.id, "*", text, date(2999, 12, 31))),),
        ),
        result(Verdict.FAIL, Problem(text, text), check=OTHER),
        pictures=pictures,
        image=text,
    ).compared_with([Finding(OTHER.id, text, text), Finding(CHECK.id, text, text)])


FAILED = result(Verdict.FAIL, Problem("runs as root", "Config.User", Place("Dockerfile", 64)))
WAIVER = Waiver("redis.users", "*", "it is being mended", date(2999, 12, 31))
WAIVED = replace(
    result(Verdict.WAIVED, check=OTHER),
    waived=(Waived(Problem("a user too many", "redis: users", Place("x", 2)), WAIVER),),
)
NEW, OLD = Problem("runs as root", "Config.User", Place("Dockerfile", 64)), Problem("it was so", "Dockerfile:9")
COMPARED = report(
    replace(result(Verdict.FAIL, NEW, OLD), waived=(Waived(Problem("waived here", "Config.Cmd"), WAIVER),)),
    result(Verdict.FAIL, Problem("known", "services.redis"), check=THIRD),
    WAIVED,
).compared_with(
    [
        Finding(CHECK.id, "Dockerfile:4", OLD.message),
        Finding(THIRD.id, "services.redis", "known"),
        Finding(THIRD.id, "services.web", "gone"),
    ]
)
REPORTS = {
    "good": verify.judge_all(all_checks(), good.evidence(), {"image": "x402-fac"}, 0.0),
    "broken": verify.judge_all(
        all_checks(),
        good.evidence()
        .with_files({"app/.env": b"x"}, mode=0o4777, uid=1001)
        .with_service("facilitator", lambda service: service.pop("read_only")),
        {"image": "x402-fac"},
        0.0,
    ),
    "empty": report(),
    "every verdict": report(
        FAILED, *(result(verdict, reason="why") for verdict in (Verdict.SKIP, Verdict.BLIND, Verdict.ERROR)), WAIVED
    ),
    "compared": COMPARED,
    "hostile": hostile(HOSTILE),
}
