//! `fokker audit tune`: its JSON, its exports, and what it refuses.

mod common;

use common::{run, succeed, succeed_in};
use serde_json::Value;

const SMALL: &str = "audit tune --spectrum natural:6x6x1 --scheme em,dpmpp-2m";

fn json(line: &str) -> Value {
    serde_json::from_str(&succeed(&format!("{line} --json"))).expect("the output is JSON")
}

#[test]
fn results_have_the_documented_keys_and_hold_their_own_audit() {
    let value = json(&format!("{SMALL} --nfe 5,10 --start normal,exact"));
    let results = value["results"].as_array().unwrap();
    assert_eq!(results.len(), 2 * 2 * 2);
    let folder = tempfile::tempdir().unwrap();
    for result in results {
        for key in [
            "nfe",
            "steps",
            "evaluations",
            "scheme",
            "start",
            "stop",
            "w2",
            "w2_best_standard",
            "standard_grid",
        ] {
            assert!(!result[key].is_null(), "{key} of {result}");
        }
        let (w2, standard) = (result["w2"].as_f64().unwrap(), result["w2_best_standard"].as_f64().unwrap());
        assert!(w2 <= standard);
        let perturbed = &result["transfer"]["perturbed"];
        assert!(perturbed["average"].as_f64() <= perturbed["worst"].as_f64());
        assert!(result["transfer"]["other_half"].is_null());

        // `audit errors` on the grid that was found reports the error that was found.
        let steps = result["steps"].as_u64().unwrap() as usize;
        let times = result["t"].as_array().unwrap();
        assert_eq!((times.len(), result["sigmas"].as_array().unwrap().len()), (steps + 1, steps + 1));
        std::fs::write(folder.path().join("t.json"), serde_json::to_string(times).unwrap()).unwrap();
        let (scheme, start) = (result["scheme"].as_str().unwrap(), result["start"].as_str().unwrap());
        let line = format!(
            "audit errors --spectrum natural:6x6x1 --scheme {scheme} --start {start} --grid t:t.json --json"
        );
        let audit: Value = serde_json::from_str(&succeed_in(folder.path(), &line)).unwrap();
        let cells = audit["cells"].as_array().unwrap();
        let found = cells.iter().find(|cell| cell["scheme"] == scheme).unwrap()["w2"].as_f64().unwrap();
        assert!((found - w2).abs() <= 1e-12 * (1.0 + w2), "{found} and {w2}");
    }
    let best = value["best"].as_array().unwrap();
    assert_eq!(best.len(), 2);
    for best in best {
        let same = |result: &&Value| result["nfe"] == best["nfe"];
        let smallest = results.iter().filter(same).map(|result| result["w2"].as_f64().unwrap());
        assert_eq!(best["w2"].as_f64().unwrap(), smallest.fold(f64::INFINITY, f64::min));
    }
}

#[test]
fn the_same_bytes_at_any_number_of_threads() {
    let line = format!("{SMALL} --nfe 8 --robust worst --json");
    assert_eq!(succeed(&format!("{line} --threads 1")), succeed(&format!("{line} --threads 2")));
    // Another seed perturbs otherwise.
    assert_ne!(succeed(&format!("{line} --seed 1")), succeed(&line));
}

#[test]
fn data_is_tuned_on_one_half_and_audited_on_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..40)
        .map(|i| {
            let x = |k: usize| ((i * (7 + 4 * k) + k) % 13) as f64 - 6.0;
            format!("{},{},{}\n", x(0), 0.3 * x(1), 0.1 * x(2))
        })
        .collect();
    std::fs::write(folder.path().join("data.csv"), rows).unwrap();
    let text = succeed_in(folder.path(), "audit tune --data data.csv --nfe 8 --scheme dpmpp-2m --json");
    let value: Value = serde_json::from_str(&text).unwrap();
    let half = &value["results"][0]["transfer"]["other_half"];
    assert!(half["average"].as_f64().unwrap() > 0.0 && half["best_standard"].as_f64().unwrap() > 0.0);
    assert!(succeed_in(folder.path(), "audit tune --data data.csv --nfe 8 --scheme em").contains("half"));
}

#[test]
fn exports_are_read_back_as_the_same_grid() {
    let line = format!("{SMALL} --nfe 8");
    let best = json(&format!("{line} --stop 0"))["best"][0]["w2"].as_f64().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (form, prefix) in [("k-diffusion", "sigmas"), ("t", "t")] {
        let text = succeed(&format!("{line} --stop 0 --export {form}"));
        let list = text.lines().find(|line| line.starts_with('[')).expect("a list is printed");
        std::fs::write(folder.path().join("grid.json"), list).unwrap();
        let audit = format!(
            "audit errors --spectrum natural:6x6x1 --scheme dpmpp-2m --grid {prefix}:grid.json --json"
        );
        let value: Value = serde_json::from_str(&succeed_in(folder.path(), &audit)).unwrap();
        let cells = value["cells"].as_array().unwrap();
        let w2 = cells.iter().find(|cell| cell["scheme"] == "dpmpp-2m").unwrap()["w2"].as_f64().unwrap();
        assert!((w2 - best).abs() < 1e-9 * (1.0 + best), "{form}: {w2} and {best}");
    }
}

#[test]
fn a_scheduler_configuration_is_a_schedule() {
    let line = format!("{SMALL} --nfe 8 --stop 0 --schedule config:preset:stable-diffusion");
    let value = json(&line);
    let first = value["results"][0]["sigmas"][0].as_f64().unwrap();
    // The documented largest σ of Stable Diffusion.
    assert!((first - 14.6146).abs() < 1e-4, "{first}");
}

#[test]
fn what_cannot_be_tuned_is_one_line_and_exit_2() {
    for (line, word) in [
        ("audit tune --spectrum natural:6x6x1 --nfe 0", "nfe must be from 1"),
        ("audit tune --spectrum natural:6x6x1 --nfe 1 --scheme heun", "nfe"),
        ("audit tune --spectrum natural:6x6x1 --nfe 10 --stop 3", "stop"),
        ("audit tune --spectrum natural:6x6x1 --nfe 5 --scheme ddpm", "2Δβ"),
        ("audit tune --spectrum natural:6x6x1 --nfe 5 --schedule config:missing.json", "missing.json"),
    ] {
        let ran = run(line);
        assert_eq!(ran.code, Some(2), "{line}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("fokker: ") && ran.stderr.contains(word), "{line}: {}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{line}: {}", ran.stderr);
    }
}

#[test]
fn an_export_promises_what_its_sampler_delivers() {
    let line = "audit tune --spectrum natural:6x6x1 --nfe 10 --schedule config:preset:stable-diffusion";
    // The list for DPMSolverMultistep is audited as that: integer timesteps, then 0.
    let text = succeed(&format!("{line} --scheme dpmpp-2m --export diffusers"));
    let (heading, call) = text.split_once('\n').unwrap();
    assert!(heading.contains("DPMSolverMultistepScheduler") && !text.contains("Euler"), "{text}");
    assert!(call.starts_with("scheduler.set_timesteps(timesteps=["), "{text}");
    let promised: f64 = heading.split_once("W2 ").unwrap().1.split(':').next().unwrap().parse().unwrap();
    let inside = call.split_once('[').unwrap().1.split_once(']').unwrap().0;
    let mut times: Vec<f64> = inside.split(", ").map(|k| k.parse::<f64>().unwrap() + 1.0).collect();
    times.push(0.0);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.json"), serde_json::to_string(&times).unwrap()).unwrap();
    let audit =
        "audit errors --spectrum natural:6x6x1 --schedule config:preset:stable-diffusion --scheme dpmpp-2m";
    let value: Value =
        serde_json::from_str(&succeed_in(folder.path(), &format!("{audit} --grid t:t.json --json"))).unwrap();
    let cells = value["cells"].as_array().unwrap();
    let w2 = cells.iter().find(|cell| cell["scheme"] == "dpmpp-2m").unwrap()["w2"].as_f64().unwrap();
    // Three digits are printed.
    assert!((w2 - promised).abs() < 5e-3 * w2, "promised {promised}, delivered {w2}");
    let text = succeed(&format!("{line} --scheme ddim --export diffusers"));
    assert!(text.contains("EulerDiscreteScheduler") && text.contains("set_timesteps(sigmas=["), "{text}");
    for form in ["diffusers", "k-diffusion"] {
        let refused = run(&format!("{line} --scheme em --export {form}"));
        assert_eq!(refused.code, Some(2));
        assert!(refused.stderr.contains("runs em"), "{}", refused.stderr);
    }
}
