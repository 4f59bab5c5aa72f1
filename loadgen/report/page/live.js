"use strict";
(() => {
    const byId = (id) => document.getElementById(id);
    const say = (id, text) => {
        const place = byId(id);
        if (place.textContent !== text) place.textContent = text;
    };
    const color = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

    // Figures as people read them.
    const short = (value) => String(Number(value.toPrecision(3)));
    const count = (value) => value.toLocaleString("en");
    const rateText = (rate) => {
        if (rate >= 1e9) return short(rate / 1e9) + "G";
        if (rate >= 1e6) return short(rate / 1e6) + "M";
        if (rate >= 1e3) return short(rate / 1e3) + "k";
        return short(rate);
    };
    const microsText = (us) => {
        if (us >= 1e6) return short(us / 1e6) + " s";
        if (us >= 1e3) return short(us / 1e3) + " ms";
        return short(us) + " µs";
    };
    const secondsText = (seconds) => {
        const whole = Math.max(0, Math.floor(seconds));
        if (whole < 60) return whole + " s";
        return Math.floor(whole / 60) + ":" + String(whole % 60).padStart(2, "0");
    };
    const shareText = (part, whole) => whole > 0 ? (100 * part / whole).toFixed(2) + " %" : "";

    // On a log axis only the decades, and between them 2 and 5 where there is room.
    const decades = (text) => function (value) {
        const digit = value / 10 ** Math.floor(Math.log10(value) + 1e-9);
        const wanted = Math.log10(this.max / this.min) > 3 ? [1] : [1, 2, 5];
        return wanted.some((one) => Math.abs(digit - one) < 1e-6) ? text(value) : null;
    };

    // What was told of this run. Bounded: of more points every other one goes, the last ones stay.
    const pointsMax = 1200;
    let run = null;
    let points = [];
    let finished = null;
    let stopping = false;
    const keep = (state) => {
        if (points.length > 0 && state.elapsed_s <= points[points.length - 1].elapsed_s) return;
        points.push(state);
        if (points.length <= pointsMax) return;
        const half = pointsMax / 2;
        points = points.filter((_, i) => i % 2 === 0 || i > half);
    };

    Chart.defaults.font.family =
        'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif';
    Chart.defaults.animation = false;
    Chart.defaults.maintainAspectRatio = false;
    Chart.defaults.elements.point.radius = 0;
    Chart.defaults.interaction.mode = "index";
    Chart.defaults.interaction.intersect = false;
    // The key shows each line as it is drawn, dashes too; Chart.js leaves them out beside a point style.
    const plainLabels = Chart.defaults.plugins.legend.labels.generateLabels;
    Chart.defaults.plugins.legend.labels.generateLabels = (chart) =>
        plainLabels(chart).map((item) => {
            const { borderDash, borderWidth } = chart.data.datasets[item.datasetIndex];
            return { ...item, lineDash: borderDash, lineWidth: borderWidth };
        });
    for (const canvas of document.querySelectorAll("canvas")) {
        canvas.parentElement.style.height = canvas.getAttribute("height") + "px";
    }

    // Phases as alternating bands behind the lines, as in the report.
    const bands = {
        id: "bands",
        beforeDatasetsDraw(chart) {
            if (run === null) return;
            const { ctx, chartArea: area, scales: { x } } = chart;
            ctx.save();
            ctx.beginPath();
            ctx.rect(area.left, area.top - 18, area.width, area.height + 18);
            ctx.clip();
            ctx.font = "11px " + Chart.defaults.font.family;
            run.phases.forEach((phase, index) => {
                const from = x.getPixelForValue(phase.start);
                const to = x.getPixelForValue(phase.end);
                if (index % 2 === 0) {
                    ctx.fillStyle = color("band");
                    ctx.fillRect(from, area.top, to - from, area.height);
                }
                ctx.fillStyle = color("soft");
                const fits = ctx.measureText(phase.name).width + 8 <= to - from;
                const label = fits ? phase.name : String(index + 1);
                if (ctx.measureText(label).width <= to - from) {
                    ctx.fillText(label, from + (fits ? 4 : 1), area.top - 5);
                }
            });
            ctx.restore();
        },
    };
    const line = (label, tone, width, dash, value) => ({
        label, tone, value, data: [], borderWidth: width, borderDash: dash, borderJoinStyle: "round",
    });
    const valueAxis = (text, logarithmic) => ({
        type: logarithmic ? "logarithmic" : "linear",
        beginAtZero: !logarithmic,
        grace: logarithmic ? 0 : "5%",
        grid: { color: color("grid") },
        ticks: logarithmic ? { color: color("soft"), callback: decades(text), autoSkip: false }
            : { color: color("soft"), callback: text, maxTicksLimit: 8 },
        // One below the other, the charts have one time axis.
        afterFit: (axis) => { axis.width = 64; },
    });
    const chartOf = (id, datasets, text, logarithmic) => new Chart(byId(id), {
        type: "line",
        data: { datasets },
        options: {
            layout: { padding: { top: 18 } },
            scales: {
                x: {
                    type: "linear", min: 0, title: { display: true, text: "seconds from the start" },
                    grid: { display: false }, ticks: { maxRotation: 0, callback: (value) => short(value) },
                },
                y: valueAxis(text, logarithmic),
            },
            plugins: {
                legend: { position: "bottom", align: "start", labels: { usePointStyle: true, pointStyle: "line", pointStyleWidth: 38 } },
                tooltip: {
                    callbacks: {
                        title: (items) => items.length ? short(items[0].parsed.x) + " s" : "",
                        label: (item) => item.dataset.label + "  " + text(item.parsed.y),
                    },
                },
            },
        },
        plugins: [bands],
    });
    const percentile = (name) => (state) => state.latency_us === null ? NaN : state.latency_us[name];
    const charts = [
        chartOf("rate", [
            line("target", "target", 1.25, [9, 5], (state) => state.target_rate > 0 ? state.target_rate : NaN),
            line("offered (sent)", "sent", 2, [3, 3], (state) => state.sent_rate > 0 ? state.sent_rate : NaN),
            line("answered", "answered", 3, [], (state) => state.answered_rate > 0 ? state.answered_rate : NaN),
        ], rateText, false),
        chartOf("latency", [
            line("p50", "p50", 1.5, [], percentile("p50")),
            line("p99", "p99", 2.25, [], percentile("p99")),
            line("p99.9", "p999", 1.5, [3, 3], percentile("p999")),
        ], microsText, true),
    ];
    const paint = () => {
        for (const chart of charts) {
            for (const dataset of chart.data.datasets) {
                dataset.borderColor = dataset.backgroundColor = color(dataset.tone);
            }
            const { x, y } = chart.options.scales;
            x.ticks.color = x.title.color = y.ticks.color = color("soft");
            y.grid.color = color("grid");
            chart.options.plugins.legend.labels.color = color("ink");
        }
    };
    const draw = () => {
        const planned = run === null ? 0 : run.planned_s;
        for (const chart of charts) {
            const last = points.length > 0 ? points[points.length - 1].elapsed_s : 0;
            chart.options.scales.x.max = Math.max(planned, last, 1);
            for (const dataset of chart.data.datasets) {
                dataset.data = points.map((state) => ({ x: state.elapsed_s, y: dataset.value(state) }));
            }
            chart.update("none");
        }
    };
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { paint(); draw(); });

    const row = (name, value, total) => {
        const tr = document.createElement("tr");
        if (total) tr.className = "sum";
        const th = document.createElement("th");
        th.scope = "row";
        th.textContent = name;
        const td = document.createElement("td");
        td.textContent = value;
        tr.append(th, td);
        return tr;
    };
    const showCounts = (state) => {
        const a = state.accounting;
        const rows = [
            row("came due", count(a.scheduled), true), row("sent", count(a.sent)), row("unsent", count(a.unsent)),
            row("answered", count(a.answered)), row("failed", count(a.failed)),
            row("timed out", count(a.timed_out)), row("in flight", count(a.in_flight)),
            row("connections", count(state.connections.open) + " of " + count(state.connections.wanted)),
        ];
        if (state.connections.failures > 0) {
            rows.push(row("connects failed", count(state.connections.failures) + " (" + state.connections.cause + ")"));
        }
        byId("accounting").replaceChildren(...rows);
    };
    const showFigures = (state) => {
        const a = state.accounting;
        const errors = a.failed + a.timed_out + a.unsent;
        say("sent-rate", rateText(state.sent_rate) + "/s");
        say("target-rate", state.target_rate > 0 ? "target " + rateText(state.target_rate) + "/s" : "as fast as it goes");
        say("answered-rate", rateText(state.answered_rate) + "/s");
        say("answered-share", count(a.answered) + " in all");
        const latency = state.latency_us;
        for (const name of ["p50", "p99", "p999"]) say(name, latency === null ? "–" : microsText(latency[name]));
        say("p90", latency === null ? "" : "p90 " + microsText(latency.p90));
        say("max", latency === null ? "" : "max " + microsText(latency.max));
        say("errors", count(errors));
        say("errors-share", shareText(errors, a.scheduled));
    };
    const showWhere = (state) => {
        let phase = state.phase;
        if (state.connecting) phase = "connecting";
        else if (stopping) phase = "stopping";
        else if (state.draining) phase = "draining";
        if (phase !== byId("phase").textContent) say("announce", phase + ": " + state.verdict.text);
        say("phase", phase);
        byId("verdict").className = "verdict " + state.verdict.tone;
        say("mark", { good: "✓", bad: "✗" }[state.verdict.tone] || "");
        say("so-far", state.verdict.text);
        const left = state.draining || state.connecting ? ""
            : ", " + secondsText(Math.ceil(state.phase_left_s)) + " of phase " + state.phase_number + " of " + state.phases + " left";
        say("clock", secondsText(state.elapsed_s) + " of " + secondsText(state.planned_s) + left);
        byId("share").value = state.planned_s > 0 ? Math.min(1, Math.max(0, state.elapsed_s / state.planned_s)) : 0;
        say("bar-status", phase);
        say("bar-text", rateText(state.answered_rate) + "/s answered, " + state.verdict.text);
    };

    const showPart = (report) => {
        document.body.classList.toggle("reporting", report);
        byId("live").hidden = report;
        byId("report").hidden = !report;
        byId("show-live").setAttribute("aria-pressed", String(!report));
        byId("show-report").setAttribute("aria-pressed", String(report));
        if (!report) draw();
    };
    byId("show-live").addEventListener("click", () => showPart(false));
    byId("show-report").addEventListener("click", () => showPart(true));

    // Two presses, so that none ends a long run by mistake.
    const stop = byId("stop");
    let armed = 0;
    const disarm = () => {
        clearTimeout(armed);
        armed = 0;
        stop.classList.remove("armed");
        if (!stopping) stop.textContent = "Stop the run";
    };
    stop.addEventListener("click", async () => {
        if (armed === 0) {
            stop.classList.add("armed");
            stop.textContent = "Press again to stop";
            armed = setTimeout(disarm, 4000);
            return;
        }
        stopping = true;
        disarm();
        stop.disabled = true;
        stop.textContent = "Stopping";
        try {
            const answer = await fetch("stop", { method: "POST", headers: { "Qck-Stop": "1" } });
            if (!answer.ok) throw new Error(await answer.text());
        } catch (failure) {
            stopping = false;
            stop.disabled = false;
            stop.textContent = "Stop the run";
            say("bar-text", "it could not be stopped from here: " + failure.message);
        }
    });

    const events = new EventSource("events");
    let pending = false;
    const drawSoon = () => {
        if (pending) return;
        pending = true;
        requestAnimationFrame(() => {
            pending = false;
            if (!byId("live").hidden) draw();
            document.documentElement.dataset.states = String(points.length);
        });
    };
    events.addEventListener("run", (event) => {
        run = JSON.parse(event.data);
        points = [];
        finished = null;
        stopping = false;
        stop.hidden = false;
        stop.disabled = false;
        disarm();
        showPart(false);
        byId("show-report").disabled = true;
        byId("save").hidden = true;
        byId("agents-part").hidden = true;
        const rates = run.phases.flatMap((phase) => [phase.from, phase.to]).filter((rate) => rate > 0);
        const wide = rates.length > 0 && Math.max(...rates) / Math.min(...rates) > 30;
        charts[0].options.scales.y = valueAxis(rateText, wide);
        say("scenario", run.scenario);
        say("kind", run.description || "load run");
        say("target", run.target + (run.note ? " · " + run.note : ""));
        byId("bar-text").title = "";
        document.title = run.scenario + " · qck";
    });
    events.addEventListener("state", (event) => {
        const state = JSON.parse(event.data);
        if (!state.connecting) keep(state);
        showWhere(state);
        showFigures(state);
        showCounts(state);
        drawSoon();
    });
    events.addEventListener("agents", (event) => {
        const agents = JSON.parse(event.data);
        byId("agents-part").hidden = false;
        const more = agents.count - agents.shown.length;
        say("agents-sum", count(agents.count) + (agents.count === 1 ? " agent" : " agents") +
            (agents.lost > 0 ? ", " + count(agents.lost) + " lost" : "") + (more > 0 ? "; " + count(more) + " not shown" : ""));
        byId("agents").replaceChildren(...agents.shown.map((agent) => {
            const tr = row(agent.name, count(agent.sent));
            if (agent.lost) tr.className = "lost";
            for (const text of [count(agent.answered), count(agent.connections), agent.lost ? "lost: " + agent.why : "runs"]) {
                tr.insertCell().textContent = text;
            }
            return tr;
        }));
    });
    events.addEventListener("finished", (event) => {
        finished = JSON.parse(event.data);
        const status = finished.status.replaceAll("_", " ");
        stop.hidden = true;
        say("bar-status", status);
        say("bar-text", finished.conclusion);
        byId("bar-text").title = finished.conclusion;
        say("announce", status + ": " + finished.conclusion);
        say("phase", status);
        say("so-far", finished.conclusion);
        // Those of a search, too.
        const tone = { VALID: "good", found: "good", reaches_limit: "good", INVALID: "bad" }[finished.status] || "warn";
        byId("verdict").className = "verdict " + tone;
        say("mark", { good: "✓", bad: "✗", warn: "■" }[tone]);
        document.title = status + " · " + (run === null ? "report" : run.scenario) + " · qck";
        byId("show-live").disabled = run === null;
        document.documentElement.dataset.finished = finished.status;
        if (finished.html === "") return;
        const save = byId("save");
        if (save.href) URL.revokeObjectURL(save.href);
        save.href = URL.createObjectURL(new Blob([finished.html], { type: "text/html" }));
        save.hidden = false;
        byId("show-report").disabled = false;
        byId("report").srcdoc = finished.html;
        showPart(true);
    });
    events.addEventListener("error", () => {
        // After the end of a run that of its process is nothing to report.
        if (finished !== null) {
            events.close();
            return;
        }
        say("bar-status", "connection lost");
        say("bar-text", "the bench does not answer; trying again");
    });
    paint();
    draw();
})();
