//! Flaws of a list of σ, whatever it comes from.

use super::bench::{Bench, log_step, with_level_in, with_levels, without_least};
use super::{Code, Finding, Severity};
use crate::Result;

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

pub(super) fn lint(sigmas: &[f64], bench: &Bench) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    findings.extend(repeated(sigmas, bench));
    findings.extend(dead_last_step(sigmas, bench));
    findings.extend(non_monotone(sigmas, bench));
    let list = decreasing(sigmas);
    if list.sigmas.len() >= 2 {
        findings.extend(uneven(&list, bench));
        findings.extend(jump(&list, bench));
        findings.extend(ends(&list, bench));
    }
    Ok(findings)
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

/// W₂ of the steps that make progress minus W₂ with the wasted ones used elsewhere.
fn wasted(sigmas: &[f64], bench: &Bench) -> Option<f64> {
    let list = decreasing(sigmas).sigmas;
    if list.len() < 2 {
        return None;
    }
    bench.cost(&list, &with_levels(&list, sigmas.len() - list.len()))
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
    Some(Finding {
        code: Code::DeadLastStep,
        severity: Severity::Error,
        step: Some(last),
        message: format!("the last step goes from σ {from:.6} to σ {to:.6}: it changes nothing"),
        remedy: "end at 0: final_sigmas_type zero, or for DDIM and PNDM steps_offset 1 or \
                 set_alpha_to_one true"
            .into(),
        w2_cost: wasted(sigmas, bench),
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
        w2_cost: if list.len() < 2 { None } else { bench.cost(&list, &sorted) },
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
        findings.push(Finding {
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
            w2_cost: bench.cost(sigmas, &with_levels(&repaired, 1)),
        });
    }
    if let Some(&first) = giant.first() {
        let repaired = without_least(&with_level_in(sigmas, first), first + 1);
        findings.push(Finding {
            code: Code::GiantStep,
            severity: Severity::Warning,
            step: Some(list.steps[first]),
            message: format!(
                "{}: σ {:.6} to {:.6} is more than {GIANT} times the steps beside it in log σ",
                at(&giant),
                sigmas[first],
                sigmas[first + 1]
            ),
            remedy: format!("move a level to σ {:.6}", repaired_level(sigmas, first)),
            w2_cost: bench.cost(sigmas, &repaired),
        });
    }
    findings
}

fn repaired_level(sigmas: &[f64], step: usize) -> f64 {
    with_level_in(sigmas, step)[step + 1]
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
    let repaired = without_least(&with_level_in(sigmas, step), step + 1);
    if repaired.len() != sigmas.len() {
        return None;
    }
    let cost = bench.cost(sigmas, &repaired)?;
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
        remedy: format!(
            "move a level to σ {:.6}, or let `fokker audit tune` place all of them",
            repaired_level(sigmas, step)
        ),
        w2_cost: Some(cost),
    })
}

/// The two ends: signal left at the start, noise left at the end.
fn ends(list: &Decreasing, bench: &Bench) -> Vec<Finding> {
    let sigmas = &list.sigmas;
    let mut findings = Vec::new();
    let Some(errors) = bench.errors(sigmas) else { return findings };
    let severity = |cost: f64| match cost {
        cost if cost >= 1e-2 * bench.size() => Severity::Warning,
        _ => Severity::Info,
    };
    if errors.initialisation > 1e-4 * bench.size() {
        findings.push(Finding {
            code: Code::TerminalSnr,
            severity: severity(errors.initialisation),
            step: Some(0),
            message: format!(
                "the largest σ, {:.4}, leaves signal in x_T, but sampling starts from pure noise",
                sigmas[0]
            ),
            remedy: "start at a larger σ if the network knows it; training with \
                     rescale_betas_zero_snr removes the cause"
                .into(),
            w2_cost: Some(errors.initialisation),
        });
    }
    let last = sigmas[sigmas.len() - 1];
    if last > 0.0 {
        let mut repaired = sigmas.clone();
        *repaired.last_mut().expect("at least two levels") = 0.0;
        findings.push(Finding {
            code: Code::ResidualNoise,
            severity: severity(errors.truncation),
            step: Some(list.steps[sigmas.len() - 1] - 1),
            message: format!(
                "the list ends at σ {last:.6} and not at 0: that noise stays in the samples (W2 {:.4})",
                errors.truncation
            ),
            remedy: "end the list with 0 (final_sigmas_type zero; set_alpha_to_one true for DDIM and PNDM)"
                .into(),
            w2_cost: bench.cost(sigmas, &repaired),
        });
    }
    findings
}
