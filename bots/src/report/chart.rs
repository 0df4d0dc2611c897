//! Charts as SVG, drawn here so that a report needs no script and nobody else's server.
//!
//! Colours are the page's: series are classes `s0` to `s3`.

use std::fmt::Write;

/// Of a chart, in its own units; the page scales it. On a phone another one is shown, or nobody could read the words.
const WIDTH: f64 = 760.0;
const WIDTH_ON_A_PHONE: f64 = 380.0;
const HEIGHT: f64 = 230.0;
const LEFT: f64 = 68.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 18.0;
const BOTTOM: f64 = 28.0;

/// One line of a chart.
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    /// Where the line has a gap there is none.
    pub(super) points: Vec<(f64, Option<f64>)>,
}

/// A chart of lines.
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    /// What it means, in a sentence.
    pub(super) caption: &'a str,
    pub(super) unit: &'a str,
    pub(super) lines: Vec<Line<'a>>,
    /// Parts of the run, behind the lines.
    pub(super) bands: Vec<(f64, f64, &'a str)>,
    pub(super) x: Axis,
}

/// What lies to the right.
pub(super) enum Axis {
    /// Seconds, up to so many.
    Time(f64),
    /// Percentiles: x is the number of nines, from the median.
    Nines,
}

impl Chart<'_> {
    /// The chart with its heading and legend; nothing when there is nothing to see.
    pub(super) fn figure(&self) -> String {
        if self.lines.iter().all(|line| line.points.iter().all(|(_, y)| y.is_none())) {
            return String::new();
        }
        let legend: String = self
            .lines
            .iter()
            .enumerate()
            .map(|(i, line)| format!("<span><i class=\"k{i}\"></i>{}</span>", escaped(line.name)))
            .collect();
        format!(
            "<figure><figcaption><h3>{}</h3><div class=legend>{legend}</div></figcaption>{}{}<p class=note>{}</p></figure>",
            escaped(self.title),
            self.svg(WIDTH, "wide"),
            self.svg(WIDTH_ON_A_PHONE, "narrow"),
            escaped(self.caption)
        )
    }

    fn svg(&self, full: f64, class: &str) -> String {
        let most = self.lines.iter().flat_map(|line| &line.points).filter_map(|(_, y)| *y).fold(0.0, f64::max);
        // there is no half of what is counted
        let (step, top) = if self.unit.is_empty() && most <= 4.0 { (1.0, most.ceil().max(1.0)) } else { steps(most) };
        let x_max = match self.x {
            Axis::Time(seconds) => seconds.max(1.0),
            Axis::Nines => NINES_MAX + 0.2,
        };
        let px = |x: f64| LEFT + (x / x_max).clamp(0.0, 1.0) * (full - LEFT - RIGHT);
        let py = |y: f64| HEIGHT - BOTTOM - (y / top).clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM);
        let mut out = format!(
            "<svg class={class} viewBox=\"0 0 {full} {HEIGHT}\" role=img aria-label=\"{}\">",
            escaped(self.title)
        );
        for (i, (from, to, name)) in self.bands.iter().enumerate() {
            let (x, width) = (px(*from), (px(*to) - px(*from)).max(0.0));
            let shade = if i % 2 == 0 { "band" } else { "band odd" };
            let height = HEIGHT - TOP - BOTTOM;
            let _ = write!(out, "<rect class=\"{shade}\" x={x:.1} y={TOP} width={width:.1} height={height} />");
            // a name wider than its band would lie over the next one's
            if width > name.len() as f64 * 6.5 {
                let _ = write!(out, "<text class=phase x={:.1} y={:.1}>{}</text>", x + 4.0, TOP - 5.0, escaped(name));
            }
        }
        let mut y = 0.0;
        while y <= top + step / 2.0 {
            let at = py(y);
            let right = full - RIGHT;
            let _ = write!(out, "<line class=grid x1={LEFT} x2={right} y1={at:.1} y2={at:.1} />");
            let unit = self.unit;
            let _ = write!(out, "<text class=y x={:.1} y={:.1}>{}{unit}</text>", LEFT - 6.0, at + 4.0, number(y));
            y += step;
        }
        self.x_labels(&mut out, x_max, &px);
        for (i, line) in self.lines.iter().enumerate() {
            let _ = write!(out, "<path class=\"line s{i}\" d=\"{}\" />", path(&line.points, &px, &py));
        }
        out + "</svg>"
    }

    fn x_labels(&self, out: &mut String, x_max: f64, px: &impl Fn(f64) -> f64) {
        let y = HEIGHT - 8.0;
        match self.x {
            Axis::Time(_) => {
                let (unit_s, unit) = if x_max > 600.0 { (60.0, "min") } else { (1.0, "s") };
                let (step, _) = steps(x_max / unit_s);
                let mut x = 0.0;
                while x * unit_s <= x_max {
                    let _ = write!(out, "<text class=x x={:.1} y={y}>{} {unit}</text>", px(x * unit_s), number(x));
                    x += step;
                }
            }
            Axis::Nines => {
                // the first two lie too near each other on a phone
                let first = usize::from(px(x_max) < WIDTH_ON_A_PHONE);
                for percentile in &[0.0, 50.0, 90.0, 99.0, 99.9][first..] {
                    let _ =
                        write!(out, "<text class=x x={:.1} y={y}>{percentile} %</text>", px(nines(percentile / 100.0)));
                }
            }
        }
    }
}

/// A count as people read it: 118,276.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Percentiles are drawn so far: beyond lie the few longest times, next to which the others would be a flat line.
pub(super) const NINES_MAX: f64 = 3.0;

/// 0.9 is one, 0.99 is two.
pub(super) fn nines(quantile: f64) -> f64 {
    -(1.0 - quantile).max(1e-9).log10()
}

fn path(points: &[(f64, Option<f64>)], px: &impl Fn(f64) -> f64, py: &impl Fn(f64) -> f64) -> String {
    let mut out = String::new();
    let mut pen_down = false;
    for (i, (x, y)) in points.iter().enumerate() {
        let Some(y) = y else {
            pen_down = false;
            continue;
        };
        let word = if pen_down { 'L' } else { 'M' };
        let _ = write!(out, "{word}{:.1} {:.1}", px(*x), py(*y));
        // a point without neighbours would not be seen
        let next_is_gap = points.get(i + 1).is_none_or(|(_, y)| y.is_none());
        if !pen_down && next_is_gap {
            let _ = write!(out, "h5");
        }
        pen_down = true;
    }
    out
}

/// A step of 1, 2 or 5, and the top: about four of them.
fn steps(most: f64) -> (f64, f64) {
    let raw = (most / 4.0).max(1e-3);
    let magnitude = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * magnitude).find(|step| *step >= raw).unwrap_or(raw);
    (step, (most / step).ceil().max(1.0) * step)
}

/// Without needless digits.
pub(super) fn number(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude >= 10_000.0 {
        format!("{}k", number(value / 1000.0))
    } else if magnitude >= 1_000.0 {
        format!("{}{}", if value < 0.0 { "-" } else { "" }, grouped(magnitude.round() as u64))
    } else if magnitude >= 100.0 || value.fract().abs() < 1e-9 {
        format!("{value:.0}")
    } else if magnitude >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// Text as HTML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_steps() {
        assert_eq!((steps(43.0), steps(0.7), steps(100.0)), ((20.0, 60.0), (0.2, 0.8), (50.0, 100.0)));
        assert_eq!((number(0.5), number(20.0), number(160_000.0)), ("0.50".into(), "20".into(), "160k".into()));
        assert_eq!((number(999.4), number(2_998.3)), ("999".into(), "2,998".into()));
    }

    fn chart(unit: &'static str, points: Vec<(f64, Option<f64>)>, x: Axis) -> String {
        let lines = vec![Line { name: "n", points }];
        Chart { title: "t", caption: "", unit, lines, bands: vec![], x }.figure()
    }

    #[test]
    fn axes_are_in_units_that_one_would_say() {
        let bots = chart("", vec![(0.0, Some(1.0)), (1.0, Some(2.0))], Axis::Time(1800.0));
        assert!(bots.contains(">2</text>") && !bots.contains("0.50"), "there is no half of a bot: {bots}");
        assert!(bots.contains(">30 min</text>") && !bots.contains("1,800 s"), "{bots}");
        assert!(chart(" ms", vec![(0.0, Some(0.7))], Axis::Time(30.0)).contains(">0.20 ms</text>"));
    }

    #[test]
    fn gaps_stay_gaps_and_hostile_names_stay_text() {
        let points = vec![(0.0, Some(1.0)), (1.0, Some(2.0)), (2.0, None), (3.0, Some(1.0))];
        let line = Line { name: "<script>", points };
        let chart = Chart { title: "t", caption: "", unit: "", lines: vec![line], bands: vec![], x: Axis::Time(3.0) };
        let figure = chart.figure();
        assert_eq!(
            figure.matches('M').count(),
            2 * 2,
            "one for readers at a desk and one for those with a phone: {figure}"
        );
        assert!(!figure.contains("<script>"), "{figure}");
    }
}
