//! The commands: each turns its arguments into the text it prints.

mod clouds;
mod couple;
mod demo;
mod distance;
mod errors;
mod law;
mod lint;
mod sampler;
mod spectral;
mod texture;
mod tune;

use crate::args::{Arguments, AuditCommand, Command, SpectralCommand, TransportCommand};

/// Runs the command and returns what goes to stdout.
pub fn run(arguments: &Arguments) -> anyhow::Result<String> {
    match &arguments.command {
        Command::Demo => demo::run(&arguments.global),
        Command::Audit(AuditCommand::Errors(errors)) => errors::run(errors, &arguments.global),
        Command::Audit(AuditCommand::Tune(tune)) => tune::run(tune, &arguments.global),
        Command::Audit(AuditCommand::Lint(lint)) => lint::run(lint, &arguments.global),
        Command::Audit(AuditCommand::Texture(texture)) => texture::run(texture, &arguments.global),
        Command::Spectral(SpectralCommand::Fit(fit)) => spectral::fit(fit, &arguments.global),
        Command::Spectral(SpectralCommand::Sample(draw)) => spectral::sample(draw, &arguments.global),
        Command::Spectral(SpectralCommand::Density(density)) => spectral::density(density, &arguments.global),
        Command::Spectral(SpectralCommand::Score(score)) => spectral::score(score, &arguments.global),
        Command::Spectral(SpectralCommand::Problem(problem)) => spectral::problem(problem, &arguments.global),
        Command::Transport(TransportCommand::Distance(distance)) => {
            distance::run(distance, &arguments.global)
        }
        Command::Transport(TransportCommand::Couple(couple)) => couple::run(couple, &arguments.global),
    }
}
