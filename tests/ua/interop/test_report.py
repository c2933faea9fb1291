"""The report of runs: what it opens with, what one can open, and that nothing from a peer can break it."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from media.audio.recorder import WavRecorder
from tests.peers.devtools import browser
from tests.peers.namespace import Namespace
from tests.peers.process import Programs
from tests.ua.browser import Elements, dump_dom
from tests.ua.interop.runs import GOOD, ONE_WAY, OUTCOMES, RUN, with_outcome
from tests.ua.recorded_call import udp_blocked_log
from tests.ua.report.test_report import EVIL, evil_log
from ua.errors import UsageError
from ua.events import EventLog
from ua.interop import report
from ua.interop.event_lines import entry_line
from ua.interop.outcome import Outcome, Verdict
from ua.interop.report.drill_down import named
from ua.interop.report.kept import attempts_of
from ua.interop.report.page import render
from ua.interop.report.run import Run, suites_of
from ua.interop.results import Description, RunResults, write_results
from ua.report.ladder import build_ladder


def kept(folder: Path, results: RunResults, log: EventLog | None = None) -> Run:
    """A run whose outcomes all have evidence."""
    entries = (udp_blocked_log() if log is None else log).entries
    for outcome in results.outcomes:
        if outcome.folder:
            place = folder / outcome.folder
            place.mkdir(parents=True, exist_ok=True)
            (place / "events.jsonl").write_text("".join(map(entry_line, entries)), encoding="utf-8")
            recorder = WavRecorder(place / "1-echo-both.wav", 8000, channels=2)
            recorder.write(bytes(range(256)) * 100)
            recorder.close()
    return Run(results=results, folder=folder)


def page_of(tmp_path: Path, *results: RunResults) -> str:
    runs = [kept(tmp_path / f"run{number}", each) for number, each in enumerate(results)]
    return render(runs, tmp_path / "report.html")


def test_a_run_is_read_from_its_folder(tmp_path: Path) -> None:
    write_results(tmp_path / "results.json", RUN)
    assert report.read_run(tmp_path) == Run(results=RUN, folder=tmp_path)
    assert report.read_run(tmp_path / "results.json").title == "Asterisk 20"
    with pytest.raises(UsageError):
        report.read_run(tmp_path / "other.json")


def test_rows_are_scenarios_grouped_by_suite() -> None:
    other = dataclasses.replace(
        GOOD, outcomes=(*GOOD.outcomes, Outcome(scenario="calls.new", verdict=Verdict.PASSED))
    )
    suites = suites_of([Run(results=RUN, folder=Path()), Run(results=other, folder=Path())])
    assert [(suite.name, [line.scenario for line in suite.lines]) for suite in suites] == [
        ("registration", ["registration.digest"]),
        ("calls", ["calls.echo", "calls.busy", "calls.new"]),
        ("media", ["media.opus"]),
        ("ice", ["ice.tcp", "ice.lite"]),
    ]
    assert suites[1].lines[2].outcomes == (None, other.outcomes[-1])
    assert suites[1].lines[0].description == RUN.descriptions["calls.echo"]


def test_it_opens_with_the_matrix(tmp_path: Path) -> None:
    page = page_of(tmp_path, RUN, GOOD)
    assert page.index("<h1>") < page.index('class="matrix"') < page.index("<h2>")
    elements = Elements(page)
    assert elements.count("th", scope="rowgroup") == 4
    assert elements.count("th", scope="row") == 6
    cells = [found["class"] for found in elements.find("td") if found.get("class") in [*Verdict, "none"]]
    assert cells == [
        "passed", "passed",
        "failed", "none",
        "passed", "passed",
        "skipped", "skipped",
        "expected_failure", "expected_failure",
        "unexpected_pass", "none",
    ]  # fmt: skip
    assert "2 results are unexpected" in page
    assert "6 scenarios at Asterisk 20 and baresip, 2026-03-01" in page


def test_every_cell_that_was_run_leads_to_its_details(tmp_path: Path) -> None:
    elements = Elements(page_of(tmp_path, RUN, GOOD))
    links = [found["href"] for found in elements.find("a") if found["href"].startswith("#")]
    places = [found["id"] for found in elements.find("div") if "id" in found]
    cells = [link for link in links if link.startswith("#case-")]
    # Two of them are named at the top, too.
    assert len(cells) == 8 + 2
    assert {link[1:] for link in cells} == set(places)
    assert elements.count("details", class_="case") == len(places) == 8
    suites = [found["id"] for found in elements.find("tbody") if "id" in found]
    assert [link[1:] for link in links if link.startswith("#suite-")] == suites


def test_the_top_leads_to_what_is_unexpected(tmp_path: Path) -> None:
    top = page_of(tmp_path, RUN).partition('class="matrix"')[0]
    assert "<code>calls.echo</code></a> (one_way_audio_in)" in top
    assert "<code>ice.lite</code></a></li>" in top
    assert top.count("Asterisk 20") == 1, "one peer need not be named again"
    many = dataclasses.replace(
        RUN, outcomes=tuple(dataclasses.replace(OUTCOMES[1], scenario=f"calls.n{n}") for n in range(13))
    )
    page = page_of(tmp_path, many, many)
    assert '<a href="#unexpected">16 more</a>' in page
    assert 'id="unexpected"' in page
    assert "unexpected" not in page_of(tmp_path, GOOD).partition("</header>")[0].partition("<h1>")[2].replace(
        "Nothing unexpected", ""
    )


def test_of_one_run_the_matrix_says_why(tmp_path: Path) -> None:
    matrix = page_of(tmp_path, RUN).partition('class="matrix"')[2].partition("</table>")[0]
    assert '<td class="why">one_way_audio_in: 250 RTP packets were sent and none arrived</td>' in matrix
    assert '<td class="why">this needs Opus, which the peer does not offer</td>' in matrix
    assert 'class="why"' not in page_of(tmp_path, RUN, GOOD)


def test_a_peer_that_is_known_by_its_address_has_it_in_the_title(tmp_path: Path) -> None:
    run = Run(results=dataclasses.replace(RUN, peer="pbx.example", peer_title="a PBX"), folder=tmp_path)
    assert run.title == "a PBX (pbx.example)"
    assert Run(results=RUN, folder=tmp_path).title == "Asterisk 20"
    assert Run(results=dataclasses.replace(RUN, peer_title=""), folder=tmp_path).title == "asterisk"


def test_a_failure_says_what_was_expected_seen_where_and_what_to_try(tmp_path: Path) -> None:
    page = page_of(tmp_path, RUN)
    box = page.partition('<dl class="failure">')[2].partition("</dl>")[0]
    for name, text in (
        ("expected", ONE_WAY.expected),
        ("seen", ONE_WAY.seen),
        ("where", ONE_WAY.where),
        ("try", ONE_WAY.advice),
    ):
        assert f"<dt>{name}</dt><dd>{text}</dd>" in box
    assert "rtpengine takes no TCP candidates" in page
    assert "It failed at each of 2 attempts" in page
    assert "It passed at attempt 2; those before failed." in page


def test_the_details_show_all_that_was_seen(tmp_path: Path) -> None:
    elements = Elements(page_of(tmp_path, RUN))
    cases = 5
    assert elements.count("details", class_="case") == cases
    assert elements.count("details", class_="message") == 7 * cases
    assert elements.count("svg", class_="tl") == cases
    assert elements.count("svg", class_="strip") == cases
    assert elements.count("svg", class_="chart") == 4 * cases
    assert elements.count("ol", class_="sdp") == 2 * cases
    assert elements.count("del") == cases
    assert elements.count("style") == 1, "pictures share the style of the page"


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("200 OK (CSeq 1 INVITE), received at 132 ms", "SIP/2.0 200 OK"),
        ("180 Alerting (CSeq 1  INVITE): a=sendonly", "SIP/2.0 180 Ringing"),
        ("BYE (CSeq 1 BYE), sent at 5200 ms", "BYE sip:bob@192.0.2.20 SIP/2.0"),
        ("486 Busy Here (CSeq 1 INVITE)", None),
        ("200 OK (CSeq 2 INVITE)", None),
        ("RTP of SSRC 0x1234", None),
        ("", None),
    ],
)
def test_the_message_of_a_failure_is_open_in_the_ladder(tmp_path: Path, where: str, line: str | None) -> None:
    arrows = build_ladder(udp_blocked_log().entries, 0.0)
    number = named(arrows, where)
    assert (None if number is None else arrows[number].first_line) == line
    failure = dataclasses.replace(ONE_WAY, where=where)
    failed = dataclasses.replace(OUTCOMES[1], failure=failure)
    page = page_of(tmp_path, dataclasses.replace(RUN, outcomes=(failed,)))
    marked = Elements(page).find("details", class_="marked")
    assert [found["open"] for found in marked] == ([""] if line else [])
    assert ("The message in which it was seen is open." in page) is (line is not None)


def test_what_is_unexpected_stands_open_where_it_is_little(tmp_path: Path) -> None:
    opened = [
        found for found in Elements(page_of(tmp_path, RUN)).find("details", class_="case") if "open" in found
    ]
    assert len(opened) == 2
    many = dataclasses.replace(
        RUN, outcomes=tuple(dataclasses.replace(OUTCOMES[1], scenario=f"calls.n{n}") for n in range(9))
    )
    elements = Elements(page_of(tmp_path, many))
    assert not [found for found in elements.find("details", class_="case") if "open" in found]


def test_the_files_are_linked_from_where_the_page_is(tmp_path: Path) -> None:
    run = kept(tmp_path / "run of today", RUN)
    page = tmp_path / "pages" / "report.html"
    report.write([run], page)
    links = [
        found["href"]
        for found in Elements(page.read_text(encoding="utf-8")).find("a")
        if not found["href"].startswith("#")
    ]
    assert len(links) == 10
    for link in links:
        assert link.startswith("./")
        assert (page.parent / unquote(link)).is_file()


def test_the_files_of_attempts_before_are_linked_too(tmp_path: Path) -> None:
    run = kept(tmp_path, dataclasses.replace(RUN, outcomes=(OUTCOMES[2],)))
    kept(
        tmp_path, dataclasses.replace(RUN, outcomes=(dataclasses.replace(OUTCOMES[2], folder="calls.busy"),))
    )
    page = render([run], tmp_path / "report.html")
    assert "<li>attempt 1:</li>" in page
    assert 'href="./calls.busy/events.jsonl"' in page
    assert 'href="./calls.busy.2/events.jsonl"' in page


@pytest.mark.parametrize("scenario", ["../run1/calls", "/etc", "..", "a/b", ".hidden", ""])
def test_an_id_names_no_other_folder(tmp_path: Path, scenario: str) -> None:
    assert attempts_of(scenario, 3) == []
    assert attempts_of("calls.busy", 3) == ["calls.busy", "calls.busy.2"]


def test_without_evidence_the_results_are_told_all_the_same(tmp_path: Path) -> None:
    page = render([Run(results=RUN, folder=tmp_path / "gone")], tmp_path / "report.html")
    assert ONE_WAY.advice in page
    assert page.count("Its evidence is not here.") == 5


def test_reasons_of_skipping_are_told_once(tmp_path: Path) -> None:
    more = dataclasses.replace(
        RUN, outcomes=(*OUTCOMES, dataclasses.replace(OUTCOMES[3], scenario="media.opus_fec"))
    )
    page = page_of(tmp_path, more)
    table = page.partition("<h2>Skipped</h2>")[2].partition("</table>")[0]
    assert table.count("this needs Opus") == 1
    assert "media.opus, media.opus_fec" in table


def test_runs_of_one_peer_are_told_apart(tmp_path: Path) -> None:
    later = dataclasses.replace(RUN, started="2026-03-02T13:14:00+00:00", interrupted=True)
    page = page_of(tmp_path, RUN, later)
    head = page.partition("<thead>")[2].partition("</thead>")[0]
    assert "2026-03-01 12:00" in head
    assert "2026-03-02 13:14" in head
    assert "stopped early" in head
    assert "a run was stopped before its end" in page


# --- bounds and hostile text ------------------------------------------------------------------------------


def test_the_page_has_a_bounded_size_and_the_unexpected_comes_first(tmp_path: Path) -> None:
    outcomes = tuple(
        dataclasses.replace(OUTCOMES[1 if n == 30 else 0], scenario=f"calls.n{n}", folder=f"n{n}")
        for n in range(40)
    )
    run = kept(tmp_path, dataclasses.replace(RUN, outcomes=outcomes))
    page = render([run], tmp_path / "report.html", most=200_000)
    assert len(page) < 300_000
    left_out = page.count("this page is full")
    assert 20 < left_out < 40
    assert f"Of {left_out} results the evidence did not fit" in page
    case = page.partition("calls.n30</code> ")[2].partition("</details></div>")[0]
    assert "INVITE sip:bob@192.0.2.20" in case


def test_an_endless_log_is_cut(tmp_path: Path) -> None:
    log = EventLog()
    for number in range(3000):
        text = f"OPTIONS sip:bob@192.0.2.20 SIP/2.0\r\nX: {'x' * 4000}\r\n\r\n"
        log.record(float(number), "alice", "sip", "message", direction="in", remote="x", text=text)
    run = kept(tmp_path, dataclasses.replace(RUN, outcomes=OUTCOMES[:1]), log)
    page = render([run], tmp_path / "report.html")
    assert len(page) < 500_000
    assert "A part is too long for this page; see the files." in page
    assert "Only the beginning of the event log is shown." in page


def evil_run(tmp_path: Path) -> Run:
    evil = dataclasses.replace(
        ONE_WAY, **dict.fromkeys(("cause", "expected", "seen", "where", "advice"), EVIL)
    )
    results = with_outcome(RUN, "calls.echo", failure=evil, scenario=EVIL)
    results = with_outcome(results, "media.opus", reason=EVIL)
    results = with_outcome(results, "ice.tcp", reason=EVIL)
    results = dataclasses.replace(
        results,
        peer=EVIL,
        peer_title=EVIL,
        started=EVIL,
        version=EVIL,
        descriptions={EVIL: Description(title=EVIL, rfc=EVIL)},
    )
    return kept(tmp_path, results, evil_log())


def harmless(page: str) -> None:
    elements = Elements(page)
    assert elements.count("script") == elements.count("img") == elements.count("iframe") == 0
    assert not [name for _, found in elements.tags for name in found if name.startswith("on")]
    assert "\u202e" not in page


def test_nothing_from_a_peer_becomes_html(tmp_path: Path) -> None:
    run = evil_run(tmp_path)
    (tmp_path / OUTCOMES[0].folder / "java\nscript:alert(1).wav").touch()
    (tmp_path / OUTCOMES[0].folder / "<img src=x>.txt").touch()
    page = render([run], tmp_path / "report.html")
    harmless(page)
    assert page.count("&lt;script&gt;") > 100
    assert all(found["href"].startswith(("#case-", "#suite-", "./")) for found in Elements(page).find("a"))


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    page = page_of(tmp_path, RUN)
    elements = Elements(page)
    (policy,) = elements.find("meta", http_equiv="Content-Security-Policy")
    assert policy["content"].startswith("default-src 'none'; ")
    assert not [value for _, found in elements.tags for name, value in found.items() if name == "src"]
    assert elements.count("link") == 0
    assert "url(" not in page
    assert "@import" not in page
    assert re.search(r'href="(?!#|\./)', page) is None


def test_it_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    run = Run(results=RUN, folder=tmp_path)
    target = tmp_path / "report.html"
    target.mkdir()
    with pytest.raises(UsageError, match="cannot be written"):
        report.write([run], target)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


# --- in a browser -----------------------------------------------------------------------------------------


@pytest.mark.peer("chromium")
def test_chromium_finds_no_script_in_what_a_peer_sent(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    report.write([evil_run(tmp_path / "run")], page)
    harmless(dump_dom(page, tmp_path / "profile"))


CONTRAST = """
(() => {
  const part = (v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
  const light = (c) => .2126 * part(c[0]) + .7152 * part(c[1]) + .0722 * part(c[2]);
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const over = (element) => {
    const found = [];
    for (let each = element; each; each = each.parentElement)
      found.unshift(getComputedStyle(each).backgroundColor);
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of ['#fff', ...found]) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    return canvas;
  };
  const read = () => Array.from(canvas.getImageData(0, 0, 1, 1).data);
  let worst = [99, ''];
  for (const element of document.querySelectorAll('th, td *, dt, dd, summary *, li, p, h1, h2, h3, h4')) {
    if (!element.textContent.trim() || !element.offsetParent) continue;
    over(element); const back = read();
    canvas.fillStyle = getComputedStyle(element).color; canvas.fillRect(0, 0, 1, 1);
    const [a, b] = [light(read()), light(back)].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < worst[0]) worst = [ratio, `${element.tagName}.${element.className}: ${element.textContent}`];
  }
  return worst;
})()
"""


@pytest.mark.peer("chromium")
async def test_a_browser_opens_what_a_cell_leads_to_and_shows_it_in_dark_and_light(
    programs: Programs, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    report.write([kept(tmp_path / "run", RUN)], page)
    async with browser(programs, Namespace(name="", host="127.0.0.1")) as tab:
        await tab.open(page.as_uri())
        assert await tab.run("document.querySelectorAll('details.case[open]').length") == 2
        link = "document.querySelector('td.passed a')"
        # As with the keyboard: focus, then Enter.
        await tab.run(f"{link}.focus(); {link}.click()")
        opened = f"document.querySelector({link}.getAttribute('href')).closest('details').open"
        await tab.holds(opened, "the details of the cell are open")
        for scheme in ("light", "dark"):
            await tab.prefer(scheme)
            ratio, where = await tab.run(CONTRAST)
            assert ratio >= 4.5, f"{scheme}: {where}"
        reachable = "getComputedStyle(document.querySelector('details.case summary')).display !== 'none'"
        assert await tab.run(f"{reachable} && document.querySelector('details.case summary').tabIndex === 0")
        assert await tab.run("document.documentElement.scrollWidth <= window.innerWidth")
