//! `fokker audit lint`, `fokker audit texture` and folders of images, end to end.

use image::{Rgb, RgbImage};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

fn fokker(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fokker")).args(arguments).output().unwrap()
}

#[track_caller]
fn stdout(arguments: &[&str]) -> String {
    let output = fokker(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// One line on stderr, exit code 2.
#[track_caller]
fn complaint(arguments: &[&str]) -> String {
    let output = fokker(arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

fn file(name: &str, content: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

fn codes(content: &str, steps: &str) -> Vec<String> {
    let (_folder, path) = file("scheduler_config.json", content);
    let output = fokker(&["audit", "lint", &path, "--steps", steps, "--spectrum", "natural:8x8x1", "--json"]);
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = value["findings"].as_array().unwrap();
    let failed = findings.iter().any(|finding| finding["severity"] == "error");
    assert_eq!(output.status.code(), Some(i32::from(failed)), "exit code 1 for an error, and only for one");
    for finding in findings {
        for key in ["code", "severity", "step", "message", "remedy", "w2_cost"] {
            assert!(finding.get(key).is_some(), "{finding}");
        }
    }
    findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn broken_configurations_are_found_with_exit_code_1() {
    let sd = r#""beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear""#;
    for (code, more, steps) in [
        (
            "dead-last-step",
            r#""_class_name": "EulerDiscreteScheduler", "final_sigmas_type": "sigma_min""#,
            "20",
        ),
        (
            "start-below-training",
            r#""_class_name": "EulerDiscreteScheduler", "timestep_spacing": "leading""#,
            "20",
        ),
        ("steps-offset", r#""_class_name": "DDIMScheduler", "steps_offset": 400"#, "20"),
        ("too-many-steps", r#""_class_name": "DDPMScheduler""#, "1500"),
        ("extra-timestep", r#""_class_name": "HeunDiscreteScheduler", "timestep_spacing": "trailing""#, "61"),
    ] {
        let found = codes(&format!("{{{more}, {sd}}}"), steps);
        assert!(found.iter().any(|found| found == code), "{code} is not among {found:?}");
    }
    let rates = r#"{"_class_name": "DDPMScheduler", "beta_start": 0.1, "beta_end": 20}"#;
    assert_eq!(codes(rates, "10"), ["beta-convention"]);
}

#[test]
fn a_pasted_list_is_linted_and_explained() {
    let (_folder, path) = file("sigmas.txt", "sigmas = tensor([14.6, 5.0, 5.0,\n 1.0, 2.0, 0.1, 0.])");
    let output = fokker(&["audit", "lint", &path, "--spectrum", "natural:8x8x1"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("error: repeated-sigma at step 1 (costs W2 "), "{text}");
    assert!(text.contains("error: non-monotone-sigma at step 3") && text.contains("remedy:"), "{text}");
    let text = stdout(&["audit", "lint", "preset:stable-diffusion-xl", "--steps", "10"]);
    assert!(text.contains("natural:32x32x3") && text.contains("start-below-training"), "{text}");
}

#[test]
fn unreadable_files_give_one_line_and_exit_code_2() {
    let class = r#""_class_name": "EulerDiscreteScheduler""#;
    for (content, says) in [
        ("", "empty"),
        ("{", "EOF"),
        ("[1.0, 0.5", "truncated"),
        ("[]", "0 numbers"),
        ("[1.0, NaN]", "index 1"),
        ("[1.0, -2]", "non-negative"),
        ("nonsense", "entry 0"),
        ("[0, 0]", "positive"),
        (r#"{"beta_start": 1}"#, "_class_name"),
        (r#"{"_class_name": "FlowMatchEulerDiscreteScheduler"}"#, "flow-matching"),
        (r#"{"_class_name": "UniPCMultistepScheduler"}"#, "predictor-corrector"),
        (r#"{"_class_name": "LCMScheduler"}"#, "nothing of it to audit"),
        // 3 t/(1 + 2 t) of five steps: the shift of Stable Diffusion 3.
        ("[1.0, 0.9230769, 0.8181818, 0.6666667, 0.4285714, 0.0]", "list of flow matching"),
        (&format!(r#"{{{class}, "beta_start": "x"}}"#), "string"),
        (&format!(r#"{{{class}, "beta_start": -1}}"#), "beta_start"),
        (&format!(r#"{{{class}, "num_train_timesteps": 0}}"#), "num_train_timesteps"),
        (&format!(r#"{{{class}, "num_train_timesteps": 1000000000000}}"#), "num_train_timesteps"),
    ] {
        let (_folder, path) = file("c.json", content);
        let error = complaint(&["audit", "lint", &path]);
        assert!(error.contains(says), "{content}: {error}");
    }
    assert!(complaint(&["audit", "lint", "no-such-file"]).contains("no such file"));
    assert!(complaint(&["audit", "lint", "preset:x"]).contains("preset"));
    for steps in ["0", "100000000000"] {
        assert!(complaint(&["audit", "lint", "preset:ddpm-cifar10", "--steps", steps]).contains("steps"));
    }
}

fn picture(folder: &Path, name: &str, side: u32, value: impl Fn(u32, u32) -> [u8; 3]) -> PathBuf {
    let path = folder.join(name);
    RgbImage::from_fn(side, side, |x, y| Rgb(value(x, y))).save(&path).unwrap();
    path
}

#[test]
fn a_folder_of_images_is_rows_of_pixels() {
    let folder = tempfile::tempdir().unwrap();
    for k in 0..4u8 {
        picture(folder.path(), &format!("{k}.png"), 2, |x, y| {
            [60 * k, (90 * x + 30 * y) as u8, 255 - 40 * k]
        });
    }
    std::fs::write(folder.path().join("notes.txt"), "not an image").unwrap();
    let path = folder.path().to_str().unwrap();
    let text = stdout(&["audit", "errors", "--data", path, "--steps", "5", "--scheme", "em"]);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("4 images of 2×2×3, scaled to [−1, 1], 1 other entries ignored"), "{text}");
    // The same numbers as rows of text give the same errors.
    let rows = (0..4).map(|k: i32| {
        let pixels = (0..4).flat_map(|p| [60 * k, 90 * (p % 2) + 30 * (p / 2), 255 - 40 * k]);
        pixels.map(|x| (f64::from(x) / 127.5 - 1.0).to_string()).collect::<Vec<_>>().join(",")
    });
    let (_rows, csv) = file("rows.csv", &rows.collect::<Vec<_>>().join("\n"));
    let table = |text: &str| text.lines().skip(2).map(str::to_owned).collect::<Vec<_>>();
    let other = stdout(&["audit", "errors", "--data", &csv, "--steps", "5", "--scheme", "em"]);
    assert_eq!(table(&text), table(&other));

    picture(folder.path(), "2b.png", 3, |_, _| [0; 3]);
    let error = complaint(&["audit", "errors", "--data", path]);
    assert!(error.contains("2b.png") && error.contains("3×3×3"), "{error}");
    std::fs::write(folder.path().join("0.png"), b"\x89PNG\r\n\x1a\nnonsense").unwrap();
    assert!(complaint(&["audit", "errors", "--data", path]).contains("0.png"));
    let empty = tempfile::tempdir().unwrap();
    assert!(complaint(&["audit", "errors", "--data", empty.path().to_str().unwrap()]).contains("without"));
}

#[test]
fn textures_are_audited_and_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let image =
        picture(folder.path(), "u.png", 16, |x, y| [(x * 16) as u8, (y * 9 % 64) as u8, (x * y) as u8]);
    let image = image.to_str().unwrap();
    let text = stdout(&["audit", "errors", "--texture", image, "--steps", "20", "--scheme", "ddim"]);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("768 dimensions, 513 of variance zero"), "{text}");
    let out = folder.path().join("out.png");
    let out = out.to_str().unwrap();
    let draw = ["audit", "texture", image, "--samples", "3", "-o", out, "--json"];
    let value: Value = serde_json::from_str(&stdout(&draw)).unwrap();
    assert_eq!((value["dimension"].as_u64(), value["zero_eigenvalues"].as_u64()), (Some(768), Some(513)));
    let first = std::fs::read(out).unwrap();
    let drawn = image::load_from_memory(&first).unwrap();
    assert_eq!((drawn.width(), drawn.height()), (48, 16));
    stdout(&draw);
    assert_eq!(first, std::fs::read(out).unwrap(), "the same seed, the same picture");
    // Only the image and the picture: nothing half-written is left.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    assert!(
        complaint(&["audit", "texture", image, "-o", "/no/such/folder/x.png"]).contains("there is no folder")
    );
    assert!(complaint(&["audit", "texture", "--pattern", "0x5"]).contains("height"));
    let (_folder, text) = file("t.png", "text");
    assert!(complaint(&["audit", "texture", &text]).contains("cannot be decoded"));
}
