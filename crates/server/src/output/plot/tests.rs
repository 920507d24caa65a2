use proptest::prelude::*;

use super::*;

fn bar(name: &str, value: f64) -> Bar {
    Bar {
        name: name.to_owned(),
        value: Some(value),
        shown: value.to_string(),
    }
}

fn only(values: &[Option<f64>]) -> Vec<Series> {
    vec![Series {
        name: String::new(),
        values: values.to_vec(),
    }]
}

#[test]
fn bars_are_as_long_as_their_numbers() {
    let all = [
        bar("all", 16.0),
        bar("half", 8.0),
        bar("little", 0.01),
        bar("none", 0.0),
    ];
    insta::assert_snapshot!(bars(&all, 30), @r"
all    ▕█████████████████ 16
half   ▕████████▌ 8
little ▕▏ 0.01
none   ▕ 0
");
    let signs = [bar("up", 4.0), bar("down", -4.0)];
    insta::assert_snapshot!(bars(&signs, 30), @r"
up   ▕█████████████████████ 4
down ▕ -4
bars begin at -4
");
}

#[test]
fn columns_show_numbers_and_where_there_are_none() {
    let rising: Vec<_> = (0..20).map(|n| (n != 5).then_some(f64::from(n))).collect();
    insta::assert_snapshot!(columns(&only(&rising), ["first", "last"], 30), @r"
19 ▕                  ▄█
   ▕                ▃███
   ▕              ▃▇████
   ▕            ▃▇██████
   ▕          ▂▆████████
   ▕        ▂▆██████████
   ▕      ▁▅████████████
   ▕    ▁ ██████████████
   ▕   ▅█ ██████████████
 0 ▕ ▄███·██████████████
    first           last
");
}

#[test]
fn more_numbers_than_columns_are_put_together() {
    let many: Vec<_> = (0..1_000).map(|n| Some(f64::from(n % 100))).collect();
    let chart = columns(&only(&many), ["a", "b"], 40);
    assert!(
        chart.ends_with("each column is the largest of 28 intervals"),
        "{chart}"
    );
    assert!(
        chart.lines().all(|line| line.chars().count() <= 50),
        "{chart}"
    );
}

#[test]
fn names_and_numbers_steer_no_terminal() {
    let name = format!("x\u{1b}[2J{}", "y".repeat(100));
    let text = bars(&[bar(&name, 1.0)], 60);
    assert!(!text.contains('\u{1b}') && text.contains('…'), "{text}");
}

fn any_value() -> impl Strategy<Value = Option<f64>> {
    let numbers = prop_oneof![
        any::<f64>().prop_filter("finite", |number| number.is_finite()),
        Just(0.0),
        Just(1e9),
        Just(1e9 + 1.0),
        Just(f64::MAX),
        Just(f64::MIN),
    ];
    prop::option::of(numbers)
}

proptest! {
    #[test]
    fn whatever_the_numbers_are_the_chart_fits(
        values in prop::collection::vec(any_value(), 0..300),
        width in 0_usize..200,
    ) {
        let chart = columns(&only(&values), ["2026-01-01", "2026-12-31"], width);
        let widest = chart.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        prop_assert!(widest <= width.max(64), "{widest} of {width}");
        let all: Vec<Bar> = values.iter().map(|value| Bar {
            name: "n".to_owned(),
            value: *value,
            shown: String::new(),
        }).collect();
        prop_assert!(bars(&all, width).lines().all(|line| line.chars().count() <= width.max(40)));
    }
}
