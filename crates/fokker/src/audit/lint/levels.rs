//! Flaws of a list of σ, whatever it comes from.

use super::bench::{Bench, Moved, log_step, moved_into, with_levels};
use super::{Code, Finding, Severity};
use crate::sampling::Scheme;
use crate::statistics::Gaussian;

/// Steps this many times shorter or longer in log σ than both neighbours are flaws.
const TINY: f64 = 20.0;
const GIANT: f64 = 5.0;

/// Share of the error that makes a step a jump, and how much a repair must gain.
const JUMP: f64 = 0.5;
const GAIN: f64 = 0.05;

/// Levels that decrease strictly, each with the step of the original list that starts there.
struct Decreasing {
    sigmas: Vec<f64>,
    steps: Vec<usize>,
}

/// Flaws of the levels and of their end.
pub(super) fn lint(sigmas: &[f64], bench: &Bench) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(repeated(sigmas, bench));
    findings.extend(dead_last_step(sigmas, bench));
    findings.extend(non_monotone(sigmas, bench));
    let list = decreasing(sigmas);
    if list.sigmas.len() >= 2 {
        findings.extend(uneven(&list, bench));
        findings.extend(jump(&list, bench));
        findings.extend(residual_noise(&list, bench));
    }
    findings
}

/// The levels at which the running minimum falls: the steps that make progress.
fn decreasing(sigmas: &[f64]) -> Decreasing {
    let mut list = Decreasing { sigmas: vec![sigmas[0]], steps: vec![0] };
    for (i, &sigma) in sigmas.iter().enumerate().skip(1) {
        if sigma < list.sigmas[list.sigmas.len() - 1] {
            list.sigmas.push(sigma);
            list.steps.push(i);
        }
    }
    list
}

/// What it gains to use the wasted steps elsewhere.
fn wasted(sigmas: &[f64], bench: &Bench) -> Option<f64> {
    let list = decreasing(sigmas).sigmas;
    if list.len() < 2 {
        return None;
    }
    bench.gain(&list, &with_levels(&list, sigmas.len() - list.len()))
}

/// "step 3", "steps 3, 4 and 7 more".
fn steps(found: &[usize]) -> String {
    let shown: Vec<String> = found.iter().take(3).map(usize::to_string).collect();
    let (s, more) = (if found.len() > 1 { "s" } else { "" }, found.len() - shown.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("step{s} {}{more}", shown.join(", "))
}

fn repeated(sigmas: &[f64], bench: &Bench) -> Option<Finding> {
    let last = sigmas.len() - 2;
    let found: Vec<usize> = (0..last).filter(|&i| sigmas[i] == sigmas[i + 1]).collect();
    let first = *found.first()?;
    Some(Finding {
        code: Code::RepeatedSigma,
        severity: Severity::Error,
        step: Some(first),
        message: format!(
            "{}: σ stays at {:.6}, score evaluations that change nothing",
            steps(&found),
            sigmas[first]
        ),
        remedy: "use fewer steps, or levels that differ (timestep_spacing trailing, Karras)".into(),
        w2_cost: wasted(sigmas, bench),
    })
}

fn dead_last_step(sigmas: &[f64], bench: &Bench) -> Option<Finding> {
    let last = sigmas.len() - 2;
    let (from, to) = (sigmas[last], sigmas[last + 1]);
    // diffusers keeps σ in single precision: what differs less is the same there.
    if (from - to).abs() > 1e-6 * from {
        return None;
    }
    let mut repaired = sigmas.to_vec();
    repaired[last + 1] = 0.0;
    let gain = bench.gain(&decreasing(sigmas).sigmas, &repaired);
    let remedy = match gain {
        Some(_) => {
            "end at 0: final_sigmas_type zero, or for DDIM and PNDM steps_offset 1 or set_alpha_to_one true"
        }
        None => "leave the last level out: the same in one step less",
    };
    Some(Finding {
        code: Code::DeadLastStep,
        severity: Severity::Error,
        step: Some(last),
        message: format!("the last step goes from σ {from:.6} to σ {to:.6}: it changes nothing"),
        remedy: remedy.into(),
        w2_cost: gain,
    })
}

fn non_monotone(sigmas: &[f64], bench: &Bench) -> Option<Finding> {
    let found: Vec<usize> = (0..sigmas.len() - 1).filter(|&i| sigmas[i + 1] > sigmas[i]).collect();
    let first = *found.first()?;
    let (from, to) = (sigmas[first], sigmas[first + 1]);
    let mut sorted = sigmas.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    sorted.dedup();
    let list = decreasing(sigmas).sigmas;
    Some(Finding {
        code: Code::NonMonotoneSigma,
        severity: Severity::Error,
        step: Some(first),
        message: format!("{}: σ rises, from {from:.6} to {to:.6}", steps(&found)),
        remedy: "sort the list in decreasing order (ascending lists are those of training tables)".into(),
        // At best the steps back are undone without loss: a lower bound.
        w2_cost: if list.len() < 2 { None } else { bench.gain(&list, &sorted) },
    })
}

/// Steps much shorter or longer than their neighbours.
fn uneven(list: &Decreasing, bench: &Bench) -> Vec<Finding> {
    let sigmas = &list.sigmas;
    let lengths: Vec<f64> = (0..sigmas.len() - 1).map_while(|i| log_step(sigmas, i)).collect();
    let neighbours = |i: usize| {
        let others = [i.checked_sub(1), Some(i + 1)].into_iter().flatten();
        others.filter_map(|j| lengths.get(j).copied()).collect::<Vec<f64>>()
    };
    let select = |is_flaw: &dyn Fn(f64, f64) -> bool| -> Vec<usize> {
        let all_flaws = |i: &usize| {
            let others = neighbours(*i);
            !others.is_empty() && others.iter().all(|&other| is_flaw(lengths[*i], other))
        };
        (0..lengths.len()).filter(all_flaws).collect()
    };
    let (tiny, giant) = (select(&|own, other| own * TINY < other), select(&|own, other| own > GIANT * other));
    let at = |found: &[usize]| steps(&found.iter().map(|&i| list.steps[i]).collect::<Vec<_>>());
    let mut findings = Vec::new();
    if let Some(&first) = tiny.first() {
        let mut repaired = sigmas.clone();
        repaired.remove(if first + 2 < sigmas.len() { first + 1 } else { first });
        let tiny_step = Finding {
            code: Code::TinyStep,
            severity: Severity::Warning,
            step: Some(list.steps[first]),
            message: format!(
                "{}: σ {:.6} to {:.6} is less than 1/{TINY} of the steps beside it in log σ",
                at(&tiny),
                sigmas[first],
                sigmas[first + 1]
            ),
            remedy: "remove one of the two levels and split the longest step instead".into(),
            w2_cost: bench.gain(sigmas, &with_levels(&repaired, 1)),
        };
        findings.push(tiny_step.if_it_helps());
    }
    if let Some(&first) = giant.first() {
        let moved = moved_into(sigmas, first);
        let giant_step = Finding {
            code: Code::GiantStep,
            severity: Severity::Warning,
            step: Some(list.steps[first]),
            message: format!(
                "{}: σ {:.6} to {:.6} is more than {GIANT} times the steps beside it in log σ",
                at(&giant),
                sigmas[first],
                sigmas[first + 1]
            ),
            remedy: moved.as_ref().map_or_else(|| "use more steps".into(), Moved::remedy),
            w2_cost: moved.and_then(|moved| bench.gain(sigmas, &moved.sigmas)),
        };
        findings.push(giant_step.if_it_helps());
    }
    findings
}

impl Moved {
    fn remedy(&self) -> String {
        format!("move the level at σ {:.6} to σ {:.6}", self.from, self.to)
    }
}

/// The step in which most of the error arises, if a level moved there helps.
fn jump(list: &Decreasing, bench: &Bench) -> Option<Finding> {
    let sigmas = &list.sigmas;
    let along = bench.along(sigmas)?;
    let total = *along.last()?;
    let rise = |i: &usize| along[i + 1] - along[*i];
    let step = (0..sigmas.len() - 1).max_by(|a, b| rise(a).total_cmp(&rise(b)))?;
    if rise(&step) < JUMP * total {
        return None;
    }
    let moved = moved_into(sigmas, step)?;
    let cost = bench.gain(sigmas, &moved.sigmas)?;
    (cost > GAIN * bench.w2(sigmas)?).then(|| Finding {
        code: Code::ErrorJump,
        severity: Severity::Warning,
        step: Some(list.steps[step]),
        message: format!(
            "σ {:.6} to {:.6}: W2 to the exact marginal rises from {:.4} to {:.4}, of {total:.4} in all",
            sigmas[step],
            sigmas[step + 1],
            along[step],
            along[step + 1]
        ),
        remedy: format!("{}, or let `fokker audit tune` place all of them", moved.remedy()),
        w2_cost: Some(cost),
    })
}

/// Warning from 1 % of the size of the data on.
fn severity(cost: f64, bench: &Bench) -> Severity {
    if cost >= 1e-2 * bench.size() { Severity::Warning } else { Severity::Info }
}

/// Noise left at the end.
fn residual_noise(list: &Decreasing, bench: &Bench) -> Option<Finding> {
    let sigmas = &list.sigmas;
    let last = sigmas.len() - 1;
    if sigmas[last] == 0.0 {
        return None;
    }
    let left = bench.errors(sigmas)?.truncation;
    let mut repaired = sigmas.clone();
    repaired[last] = 0.0;
    let finding = Finding {
        code: Code::ResidualNoise,
        severity: severity(left, bench),
        step: Some(list.steps[last] - 1),
        message: format!(
            "the list ends at σ {:.6} and not at 0: that noise stays in the samples (W2 {left:.4})",
            sigmas[last]
        ),
        remedy: "end the list with 0 (final_sigmas_type zero; set_alpha_to_one true for DDIM and PNDM)"
            .into(),
        w2_cost: bench.gain(sigmas, &repaired),
    };
    Some(finding.if_it_helps())
}

/// Signal left at the start; `remedy` and the W₂ in all that it gives, where it is known.
pub(super) fn terminal_snr(
    sigmas: &[f64],
    bench: &Bench,
    (remedy, repaired): (String, Option<f64>),
) -> Option<Finding> {
    let errors = bench.errors(&decreasing(sigmas).sigmas)?;
    if errors.initialisation <= 1e-4 * bench.size() {
        return None;
    }
    let finding = Finding {
        code: Code::TerminalSnr,
        severity: severity(errors.initialisation, bench),
        step: Some(0),
        message: format!(
            "the largest σ, {:.4}, leaves signal in x_T, but sampling starts from pure noise \
             (initialisation error {:.4})",
            sigmas[0], errors.initialisation
        ),
        remedy,
        w2_cost: repaired.map(|w2| errors.w2 - w2).filter(|&cost| cost > 0.0),
    };
    Some(finding.if_it_helps())
}

/// The start at a larger σ with which W₂ is the lowest, as many steps as before.
pub(super) fn larger_start(sigmas: &[f64], law: &Gaussian, scheme: &dyn Scheme) -> (String, Option<f64>) {
    let raised = [2.0, 4.0, 8.0, 16.0].into_iter().filter_map(|factor| {
        let mut raised = decreasing(sigmas).sigmas;
        raised[0] *= factor;
        let w2 = Bench::in_sigma(&raised, law, scheme).ok()?.w2(&raised)?;
        Some((raised[0], w2))
    });
    match raised.min_by(|a, b| a.1.total_cmp(&b.1)) {
        Some((start, w2)) => (format!("start at σ {start:.6} if the network knows it"), Some(w2)),
        None => ("start at a larger σ if the network knows it".into(), None),
    }
}
