"use strict";
(() => {
    const run = JSON.parse(document.getElementById("run").textContent);
    const ink = "#16191d";
    const soft = "#5b6470";
    const grid = "#e7eaee";

    Chart.defaults.font.family =
        'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif';
    Chart.defaults.font.size = 12;
    Chart.defaults.color = soft;
    Chart.defaults.animation = false;
    Chart.defaults.maintainAspectRatio = false;
    Chart.defaults.elements.point.radius = 0;
    Chart.defaults.elements.point.hitRadius = 6;
    Chart.defaults.interaction.mode = "index";
    Chart.defaults.interaction.intersect = false;
    Chart.defaults.plugins.legend.align = "start";
    Chart.defaults.plugins.legend.labels.usePointStyle = true;
    Chart.defaults.plugins.legend.labels.pointStyle = "line";
    Chart.defaults.plugins.legend.labels.pointStyleWidth = 38;
    Chart.defaults.plugins.legend.labels.color = ink;
    // The key shows each line as it is drawn, dashes too; Chart.js leaves them out beside a point style.
    const plainLabels = Chart.defaults.plugins.legend.labels.generateLabels;
    Chart.defaults.plugins.legend.labels.generateLabels = (chart) =>
        plainLabels(chart).map((item) => {
            const { borderDash, borderWidth } = chart.data.datasets[item.datasetIndex];
            return borderDash ? { ...item, lineDash: borderDash, lineWidth: borderWidth } : item;
        });
    Chart.defaults.plugins.tooltip.backgroundColor = ink;

    for (const canvas of document.querySelectorAll("canvas")) {
        canvas.parentElement.style.height = canvas.getAttribute("height") + "px";
    }

    // Figures as people read them.
    const short = (value) => String(Number(value.toPrecision(3)));
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
    // On a log axis only the decades, and between them 2 and 5 where there is room.
    const decades = (text) => function (value) {
        const digit = value / 10 ** Math.floor(Math.log10(value) + 1e-9);
        const span = Math.log10(this.max / this.min);
        const wanted = span > 3 ? [1] : [1, 2, 5];
        return wanted.some((one) => Math.abs(digit - one) < 1e-6) ? text(value) : null;
    };

    // Phases as alternating bands behind the lines; a name where it fits, its number elsewhere.
    const bands = {
        id: "bands",
        beforeDatasetsDraw(chart) {
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
                    ctx.fillStyle = "#eef1f5";
                    ctx.fillRect(from, area.top, to - from, area.height);
                }
                ctx.strokeStyle = "#c3c9d1";
                ctx.lineWidth = 1;
                ctx.beginPath();
                ctx.moveTo(from, area.top);
                ctx.lineTo(from, area.bottom);
                ctx.stroke();
                ctx.fillStyle = soft;
                const fits = ctx.measureText(phase.name).width + 8 <= to - from;
                const label = fits ? phase.name : String(index + 1);
                if (ctx.measureText(label).width <= to - from) {
                    ctx.fillText(label, from + (fits ? 4 : 1), area.top - 5);
                }
            });
            ctx.restore();
        },
    };

    const seconds =
        Math.max(run.target.length * run.interval, ...run.phases.map((phase) => phase.end));
    const timeAxis = () => ({
        type: "linear",
        min: 0,
        max: seconds,
        title: { display: true, text: "seconds from the start" },
        grid: { display: false },
        ticks: { maxRotation: 0, callback: (value) => short(value) },
    });
    const points = (values) =>
        values.map((value, i) => ({ x: (i + 0.5) * run.interval, y: value > 0 ? value : NaN }));
    // Rates of at least twenty requests each, where an interval has fewer: one or two of them would
    // draw a saw. Never across a change of phase.
    const bins = (() => {
        const out = [];
        const busy = run.closedLoop ? run.answered : run.target;
        const phaseAt = (i) => run.phases.findIndex((p) => (i + 0.5) * run.interval < p.end);
        for (let from = 0; from < busy.length;) {
            let to = from;
            let requests = 0;
            do {
                requests += busy[to] * run.interval;
                to += 1;
            } while (to < busy.length && requests < 20 && phaseAt(to) === phaseAt(from));
            out.push([from, to]);
            from = to;
        }
        return out;
    })();
    const ratePoints = (rates) => bins.flatMap(([from, to]) => {
        const mean = rates.slice(from, to).reduce((sum, rate) => sum + rate, 0) / (to - from);
        const y = mean > 0 ? mean : NaN;
        return [{ x: from * run.interval, y }, { x: to * run.interval, y }];
    });
    const line = (label, data, color, width, dash, more) => ({
        label, data, borderColor: color, backgroundColor: color, borderWidth: width,
        borderDash: dash, borderJoinStyle: "round", ...more,
    });
    // What stands alone between gaps has no line to be seen by, so it gets a dot.
    const dots = (data) => ({
        pointRadius: data.map((_, i) => {
            const gap = (j) => data[j] === undefined || Number.isNaN(data[j].y);
            return gap(i - 1) && gap(i + 1) ? 1.5 : 0;
        }),
    });
    const latencyLine = (label, values, color, width, dash) => {
        const data = points(values);
        return line(label, data, color, width, dash, dots(data));
    };
    const timeOptions = (yAxis, text) => ({
        layout: { padding: { top: 4 } },
        scales: { x: timeAxis(), y: yAxis },
        plugins: {
            legend: { position: "bottom" },
            tooltip: {
                callbacks: {
                    title: (items) => items.length ? short(items[0].parsed.x) + " s" : "",
                    label: (item) => item.dataset.label + "  " + text(item.parsed.y),
                },
            },
        },
    });
    const logAxis = (text, title) => ({
        type: "logarithmic",
        title: { display: true, text: title },
        grid: { color: grid },
        ticks: { callback: decades(text), autoSkip: false },
    });
    const linearAxis = (text, title) => ({
        type: "linear",
        beginAtZero: true,
        title: { display: true, text: title },
        grid: { color: grid },
        ticks: { callback: text },
    });

    const drawRate = () => {
        const busy = [...run.target, ...run.sent].filter((rate) => rate > 0);
        const wide = busy.length > 0 && Math.max(...busy) / Math.min(...busy) > 30;
        const axisOf = (log) => (log ? logAxis : linearAxis)(rateText, "requests/s");
        // The first is drawn on top.
        const datasets = [
            line("offered (sent)", ratePoints(run.sent), "#e08a1e", 2, [3, 3]),
            line("answered", ratePoints(run.answered), "#0b4f8a", 3, []),
        ];
        if (!run.closedLoop) datasets.unshift(line("target", ratePoints(run.target), ink, 1.25, [9, 5]));
        const options = timeOptions(axisOf(wide), (rate) => rateText(rate) + "/s");
        options.interaction = { mode: "nearest", axis: "x", intersect: false };
        options.layout.padding.top = 18;
        const chart = new Chart(document.getElementById("rate"), {
            type: "line", data: { datasets }, options, plugins: [bands],
        });
        const button = document.createElement("button");
        let log = wide;
        const name = () => { button.textContent = log ? "linear axis" : "log axis"; };
        button.addEventListener("click", () => {
            log = !log;
            chart.options.scales.y = axisOf(log);
            chart.update();
            name();
        });
        name();
        document.getElementById("rate-axis").append(button);
    };

    const drawLatency = () => {
        const options = timeOptions(logAxis(microsText, "latency"), microsText);
        options.layout.padding.top = 18;
        new Chart(document.getElementById("latency"), {
            type: "line",
            data: {
                datasets: [
                    latencyLine("p50", run.p50, "#7aa6d1", 1.5, []),
                    latencyLine("p90", run.p90, "#3d7ab8", 1.5, [8, 3]),
                    latencyLine("p99", run.p99, "#0b3d6e", 2.25, []),
                    latencyLine("p99.9", run.p999, "#8c2f2b", 1.5, [3, 3]),
                    latencyLine("max", run.max, "#8a929c", 1, [1, 3]),
                ],
            },
            options,
            plugins: [bands],
        });
    };

    const drawCurve = () => {
        const data = (curve) => curve.map(([x, y]) => ({ x, y }));
        const share = (inverse) => {
            const nines = Math.round(Math.log10(inverse));
            if (nines === 0) return "0 %";
            if (nines === 1) return "90 %";
            return "99" + (nines > 2 ? "." + "9".repeat(nines - 2) : "") + " %";
        };
        const exact = (inverse) => short2(100 - 100 / inverse) + " %";
        const short2 = (value) => value >= 99.99 ? value.toFixed(4) : value.toFixed(2);
        const axis = {
            type: "logarithmic",
            min: 1,
            title: { display: true, text: "percentile" },
            grid: { color: grid },
            ticks: {
                autoSkip: false,
                maxRotation: 0,
                callback: (value) => {
                    const exponent = Math.log10(value);
                    return Math.abs(exponent - Math.round(exponent)) < 1e-6 ? share(value) : null;
                },
            },
        };
        const show = (curve) => [
            line("from the due time", data(curve.latency), "#0b3d6e", 2.25, []),
            line("service time", data(curve.service), "#e08a1e", 1.75, [6, 4]),
        ];
        const chart = new Chart(document.getElementById("curve"), {
            type: "line",
            data: { datasets: show(run.curves[0]) },
            options: {
                scales: { x: axis, y: logAxis(microsText, "latency") },
                interaction: { mode: "nearest", axis: "x", intersect: false },
                plugins: {
                    legend: { position: "bottom" },
                    tooltip: {
                        callbacks: {
                            title: (items) => items.length ? exact(items[0].parsed.x) : "",
                            label: (item) => item.dataset.label + "  " + microsText(item.parsed.y),
                        },
                    },
                },
            },
        });
        if (run.curves.length < 2) return;
        const select = document.createElement("select");
        select.setAttribute("aria-label", "phase of the curve");
        run.curves.forEach((curve, i) => select.add(new Option(curve.name, String(i))));
        select.addEventListener("change", () => {
            chart.data.datasets = show(run.curves[Number(select.value)]);
            chart.update();
        });
        document.getElementById("curve-phase").append(select);
    };

    // Fills that differ in grey: each cause has a hatching of its own.
    const hatched = (index) => {
        const tones = ["#a3201d", "#e08a1e", "#0b4f8a", "#5b6470", "#6b3fa0", "#17693b"];
        const size = 8;
        const tile = document.createElement("canvas");
        tile.width = tile.height = size;
        const ctx = tile.getContext("2d");
        ctx.fillStyle = tones[index % tones.length];
        ctx.fillRect(0, 0, size, size);
        ctx.strokeStyle = "rgba(255,255,255,0.75)";
        ctx.lineWidth = 1.5;
        ctx.beginPath();
        const kind = index % 4;
        if (kind === 1) { ctx.moveTo(0, size); ctx.lineTo(size, 0); }
        if (kind === 2) { ctx.moveTo(0, size / 2); ctx.lineTo(size, size / 2); }
        if (kind === 3) { ctx.moveTo(size / 2, 0); ctx.lineTo(size / 2, size); }
        ctx.stroke();
        return ctx.createPattern(tile, "repeat");
    };

    const drawErrors = () => {
        const canvas = document.getElementById("errors");
        if (canvas === null) return;
        const bins = Math.min(120, run.target.length);
        const each = run.target.length / bins;
        const datasets = Object.entries(run.errors).map(([cause, counts], index) => {
            const sums = new Array(bins).fill(0);
            counts.forEach((count, i) => { sums[Math.min(bins - 1, Math.floor(i / each))] += count; });
            return {
                label: cause,
                data: sums.map((y, i) => ({ x: (i + 0.5) * each * run.interval, y })),
                backgroundColor: hatched(index),
                barPercentage: 1,
                categoryPercentage: 1,
                barThickness: "flex",
            };
        });
        const options = timeOptions(linearAxis(rateText, "requests"), (n) => n.toLocaleString("en"));
        options.scales.x.stacked = true;
        options.scales.y.stacked = true;
        options.plugins.legend.labels = { usePointStyle: true, pointStyle: "rect" };
        new Chart(canvas, { type: "bar", data: { datasets }, options });
    };

    drawRate();
    drawLatency();
    drawCurve();
    drawErrors();
    // On paper the charts take the width of the page.
    window.addEventListener("beforeprint", () => {
        for (const chart of Object.values(Chart.instances)) chart.resize();
    });
    document.documentElement.dataset.charts = String(Object.keys(Chart.instances).length);
})();
