//! Terminal text as SVG, in the colours of a light or a dark page.

use anstyle::RgbColor;
use anstyle_svg::{Palette, Term};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    Light,
    Dark,
}

impl Theme {
    pub const ALL: [Self; 2] = [Self::Light, Self::Dark];

    pub fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Text and background, as `#rrggbb`: those of a code block on such a page.
    pub fn text_and_background(self) -> (&'static str, &'static str) {
        match self {
            Self::Light => ("#1f2328", "#f6f8fa"),
            Self::Dark => ("#e6edf3", "#161b22"),
        }
    }

    /// The sixteen colours of a terminal, each readable on the background.
    fn palette(self) -> Palette {
        let colours = match self {
            Self::Light => [
                "#24292f", "#cf222e", "#116329", "#9a6700", "#0969da", "#8250df", "#1b7c83", "#6e7781",
                "#57606a", "#a40e26", "#1a7f37", "#633c01", "#218bff", "#a475f9", "#3192aa", "#8c959f",
            ],
            Self::Dark => [
                "#484f58", "#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#bc8cff", "#39c5cf", "#b1bac4",
                "#6e7681", "#ffa198", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#ffffff",
            ],
        };
        Palette(colours.map(rgb))
    }
}

fn rgb(colour: &str) -> RgbColor {
    let part = |from: usize| u8::from_str_radix(&colour[from..from + 2], 16).unwrap();
    RgbColor(part(1), part(3), part(5))
}

/// Draws what a terminal shows. The same text gives the same bytes.
pub fn draw(screen: &str, title: &str, theme: Theme) -> String {
    let (text, background) = theme.text_and_background();
    let term = Term::new()
        .palette(theme.palette())
        .fg_color(rgb(text).into())
        .bg_color(rgb(background).into())
        .min_width_px(672); // 80 columns
    let drawn = term.render_svg(screen.trim_end());
    let (head, rest) = drawn.split_once('\n').unwrap();
    let [width, height] = ["width", "height"].map(|name| between(head, &format!("{name}=\""), "px\""));
    // It gets smaller on a narrow page, instead of being cut off, and has a name for those who can't see it. Lines of text
    // sit low in theirs: what is shown begins a little below the top.
    let head = format!(
        "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 4 {width} {height}\" role=\"img\" \
         aria-label=\"{title}\" xmlns=\"http://www.w3.org/2000/svg\">"
    );
    let rest = rest.replacen("y=\"0\" rx", "y=\"4\" rx", 1);
    // The usual 0.4 is hard to read, and opacity does nothing to a part of a text.
    let rest = rest.replace(".dimmed { opacity: 0.4; }", ".dimmed { fill-opacity: 0.65; }");
    format!("{head}\n{}", with_bars(&rest))
}

/// Backgrounds come as lines of full blocks, which leave gaps between lines in most fonts: rectangles leave none.
fn with_bars(drawn: &str) -> String {
    const COLUMN: f64 = 8.4;
    let (style, text) = drawn.split_once("  <text ").unwrap();
    let style = style.lines().map(|line| match line.split_once("stroke: ") {
        Some((class, _)) => format!("{class}fill: {} }}\n", between(line, "fill: ", ";")),
        None => format!("{line}\n"),
    });
    let (mut bars, mut rest) = (String::new(), String::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if !line.contains("class=\"bg-") {
            rest += &format!("{line}\n");
            continue;
        }
        let y: usize = between(line, "y=\"", "px").parse().unwrap();
        let mut column = 0;
        for span in line.split("<tspan").skip(2) {
            let count = between(span, ">", "<").chars().count();
            if span.starts_with(" class=\"bg-") {
                let class = between(span, "class=\"", "\"");
                let (x, width) = (10.0 + column as f64 * COLUMN, count as f64 * COLUMN);
                bars += &format!(
                    "  <rect x=\"{x:.1}\" y=\"{}\" width=\"{width:.1}\" height=\"18\" class=\"{class}\" \
                     shape-rendering=\"crispEdges\" />\n",
                    y - 13
                );
            }
            column += count;
        }
        lines.next(); // the end of the line's element
    }
    format!("{}{bars}\n  <text {rest}", style.collect::<String>())
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap();
    rest.split_once(end).unwrap().0
}
