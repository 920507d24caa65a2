//! Colours, as readers see them who see them otherwise than others.

use super::*;

type Light = [f64; 3];

/// What a colour is as light.
fn light(colour: &str) -> Light {
    [1, 3, 5].map(|at| {
        let channel = u8::from_str_radix(&colour[at..at + 2], 16).expect("a colour");
        let channel = f64::from(channel) / 255.0;
        match channel <= 0.040_45 {
            true => channel / 12.92,
            false => ((channel + 0.055) / 1.055).powf(2.4),
        }
    })
}

fn mixed(shares: [f64; 3], light: Light) -> f64 {
    let each = shares.iter().zip(light);
    each.map(|(share, channel)| share * channel).sum()
}

const BRIGHT: [f64; 3] = [0.2126, 0.7152, 0.0722];

/// The contrast of two colours, as the rules for accessible pages have it.
fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (mixed(BRIGHT, light(one)), mixed(BRIGHT, light(other)));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// What reaches the mind of someone without red, without green, and of the
/// others (Machado, Oliveira and Fernandes, 2009).
const EYES: [[[f64; 3]; 3]; 3] = [
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    [
        [0.152_286, 1.052_583, -0.204_868],
        [0.114_503, 0.786_281, 0.099_216],
        [-0.003_882, -0.048_116, 1.051_998],
    ],
    [
        [0.367_322, 0.860_646, -0.227_968],
        [0.280_085, 0.672_501, 0.047_413],
        [-0.011_820, 0.042_940, 0.968_881],
    ],
];

/// The place of a light among colours, where distances are differences (CIE Lab).
fn place(light: Light) -> Light {
    let bend = |t: f64| match t > 0.008_856 {
        true => t.cbrt(),
        false => 7.787 * t + 16.0 / 116.0,
    };
    let x = bend(mixed([0.4124, 0.3576, 0.1805], light) / 0.950_47);
    let y = bend(mixed(BRIGHT, light));
    let z = bend(mixed([0.0193, 0.1192, 0.9505], light) / 1.088_83);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

fn difference(one: &str, other: &str, eye: &[[f64; 3]; 3]) -> f64 {
    let seen = |colour| place(eye.map(|shares| mixed(shares, light(colour)).clamp(0.0, 1.0)));
    let each = seen(one).into_iter().zip(seen(other));
    each.map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

const ALL: [style::Colours; 4] = [
    style::LIGHT,
    style::DARK,
    style::CONSOLE_LIGHT,
    style::CONSOLE_DARK,
];

#[test]
fn letters_and_lines_stand_out() {
    for colours in ALL {
        for (text, least) in [(colours.ink, 7.0), (colours.soft, 4.5)] {
            assert!(contrast(text, colours.ground) >= least, "{text}");
        }
        for line in colours.lines {
            let contrast = contrast(line, colours.ground);
            assert!(contrast >= 3.0, "{line}: {contrast}");
        }
    }
}

/// What the console draws by itself has the same colours as the pictures of answers.
#[test]
fn the_stylesheet_of_the_console_has_the_same_colours() {
    let sheet = include_str!("../../../console/style.css");
    let known = [style::CONSOLE_LIGHT, style::CONSOLE_DARK].map(|colours| {
        let lines = colours.lines.iter().enumerate();
        let lines = lines.map(|(at, colour)| format!("--c{at}: {colour};"));
        lines.collect::<Vec<_>>().join(" ")
    });
    for lines in known {
        assert!(sheet.contains(&lines), "{lines}");
    }
}

/// A difference of about 2 is just seen; lines that are dashed alike differ by
/// ten times that, and the others by their dashes besides.
#[test]
fn lines_are_told_apart_without_red_or_green() {
    for lines in ALL.map(|colours| colours.lines) {
        for (at, one) in lines.iter().enumerate() {
            for (other_at, other) in lines.iter().enumerate().skip(at + 1) {
                let alike = (at < LINES_MAX / 2) == (other_at < LINES_MAX / 2);
                let least = if alike { 20.0 } else { 7.0 };
                for eye in &EYES {
                    let difference = difference(one, other, eye);
                    assert!(difference >= least, "{one} {other}: {difference}");
                }
            }
        }
    }
}
