//! The commands: each turns its arguments into the text it prints.

mod clouds;
mod couple;
mod demo;
mod distance;
mod errors;
mod law;
mod lint;
mod population;
mod sampler;
mod show;
mod spectral;
mod texture;
mod tune;

use crate::args::{Arguments, AuditCommand, Command, PopulationCommand, SpectralCommand, TransportCommand};
use serde::Serialize;
use serde_json::Value;

/// What goes to stdout, and the exit code with which it was found.
pub struct Outcome {
    pub text: String,
    pub code: u8,
}

impl From<String> for Outcome {
    fn from(text: String) -> Self {
        Outcome { text, code: 0 }
    }
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    if let Command::Audit(AuditCommand::Lint(lint)) = &arguments.command {
        return lint::run(lint, &arguments.global);
    }
    text(arguments).map(Outcome::from)
}

/// Of a command that has no other exit code than its errors'.
fn text(arguments: &Arguments) -> anyhow::Result<String> {
    match &arguments.command {
        Command::Demo => demo::run(&arguments.global),
        Command::Audit(AuditCommand::Errors(errors)) => errors::run(errors, &arguments.global),
        Command::Audit(AuditCommand::Tune(tune)) => tune::run(tune, &arguments.global),
        Command::Audit(AuditCommand::Lint(lint)) => Ok(lint::run(lint, &arguments.global)?.text),
        Command::Audit(AuditCommand::Texture(texture)) => texture::run(texture, &arguments.global),
        Command::Population(PopulationCommand::Fit(fit)) => population::fit(fit, &arguments.global),
        Command::Population(PopulationCommand::Predict(predict)) => {
            population::predict(predict, &arguments.global)
        }
        Command::Population(PopulationCommand::Validate(validate)) => {
            population::validate(validate, &arguments.global)
        }
        Command::Population(PopulationCommand::Simulate(simulate)) => {
            population::simulate(simulate, &arguments.global)
        }
        Command::Spectral(SpectralCommand::Fit(fit)) => spectral::fit(fit, &arguments.global),
        Command::Spectral(SpectralCommand::Sample(draw)) => spectral::sample(draw, &arguments.global),
        Command::Spectral(SpectralCommand::Density(density)) => spectral::density(density, &arguments.global),
        Command::Spectral(SpectralCommand::Score(score)) => spectral::score(score, &arguments.global),
        Command::Spectral(SpectralCommand::Problem(problem)) => spectral::problem(problem, &arguments.global),
        Command::Show(show) => show::run(show, &arguments.global),
        Command::Transport(TransportCommand::Distance(distance)) => {
            distance::run(distance, &arguments.global)
        }
        Command::Transport(TransportCommand::Couple(couple)) => couple::run(couple, &arguments.global),
    }
}

/// A result of the library as JSON, with what the command knows beside it.
fn with(result: &impl Serialize, beside: Value) -> anyhow::Result<String> {
    let mut all = serde_json::to_value(result)?;
    if let (Some(all), Value::Object(beside)) = (all.as_object_mut(), beside) {
        all.extend(beside);
    }
    Ok(serde_json::to_string_pretty(&all)? + "\n")
}
