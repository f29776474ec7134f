//! Scores and samplers written in Python, as the library sees them.
//!
//! A score is `score(x, t)`, a sampler `step(score, x, t, s, z)`, or `step(score, x, t, s, z, past)` when
//! it declares history. The step is called on a thread of its own and asks this one for scores, so that
//! the score may be anything the library has: nothing borrowed crosses into Python.

use crate::convert::matrix;
use crate::work::{Watch, called_from, depth, lock};
use fokker::audit::check_scheme;
use fokker::process::{Grid, Schedule, Step};
use fokker::sampling::{Limit, ReverseProcess, Scheme, State, Work};
use fokker::score::Score;
use fokker::{Error, Result};
use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use numpy::IntoPyArray;
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// `score(x, t)` of Python.
pub struct PythonScore<'a> {
    pub call: &'a Py<PyAny>,
    pub dim: usize,
    pub watch: &'a Watch,
}

impl Score for PythonScore<'_> {
    fn dim(&self) -> usize {
        self.dim
    }

    fn score_into(&self, t: f64, x: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) -> Result<()> {
        let call = |py: Python| {
            let answer = self.call.bind(py).call1((x.to_owned().into_pyarray(py), t))?;
            let answer = matrix(&answer, "what score returns")?;
            assign(answer.as_array(), out.view_mut(), &format!("score at t = {t:.6}"))
        };
        Python::attach(call).map_err(|error| self.watch.fail(error))
    }
}

fn assign(answer: ArrayView2<f64>, mut out: ArrayViewMut2<f64>, name: &str) -> PyResult<()> {
    if answer.dim() != out.dim() {
        let (expected, found) = (out.dim(), answer.dim());
        let message = format!("{name} must return an array of the shape {expected:?} of x, found {found:?}");
        return Err(PyValueError::new_err(message));
    }
    out.assign(&answer);
    Ok(())
}

/// A question of a step: the score at a time and points.
type Question = (f64, Array2<f64>, Sender<Result<Array2<f64>>>);

/// What the thread of a step says.
enum Message {
    Ask(Question),
    Done(PyResult<State>),
}

/// `score(x, t)` inside a step.
#[pyclass(frozen, module = "fokker._fokker")]
struct StepScore {
    ask: Mutex<Sender<Message>>,
}

#[pymethods]
impl StepScore {
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        t: f64,
    ) -> PyResult<Bound<'py, numpy::PyArray2<f64>>> {
        let x = matrix(x, "x")?.as_array().to_owned();
        let answer = py.detach(|| {
            let (reply, answer) = channel();
            lock(&self.ask).send(Message::Ask((t, x, reply))).ok()?;
            answer.recv().ok()
        });
        match answer {
            Some(Ok(score)) => Ok(score.into_pyarray(py)),
            Some(Err(error)) => Err(crate::errors::raise(py, error)),
            None => Err(PyRuntimeError::new_err("score can be called only inside the step it was given to")),
        }
    }
}

/// What a step declares: how many arrays it remembers, and how many noises it is given.
#[derive(Debug, Clone, Copy)]
pub struct Declared {
    pub history: usize,
    pub noises: usize,
}

/// A step of Python as a scheme.
///
/// ```text
/// x = step(score, x, t, s, z)                   history 0
/// x, arrays = step(score, x, t, s, z, past)     past = None in the first step, then (time of the step before, arrays)
/// z   one array; None for 0 noises, a tuple for more than 1
/// ```
pub struct PythonScheme<'a> {
    step: &'a Py<PyAny>,
    watch: &'a Watch,
    declared: Declared,
    limit: Limit,
    /// Score evaluations of the step that starts at a time, by its bits.
    counted: Mutex<HashMap<u64, usize>>,
}

impl<'a> PythonScheme<'a> {
    /// A step that is not known yet: [`PythonScheme::check`] tries it.
    pub fn new(step: &'a Py<PyAny>, declared: Declared, watch: &'a Watch) -> Self {
        PythonScheme { step, watch, declared, limit: Limit::Sde, counted: Mutex::default() }
    }

    /// Tries it on every step of the grid.
    ///
    /// # Errors
    /// As [`check_scheme`].
    pub fn check(&mut self, grid: &Grid, schedule: &dyn Schedule) -> Result<()> {
        let found = check_scheme(self, grid, schedule)?;
        self.limit = if found.uses_noise { Limit::Sde } else { Limit::Ode };
        Ok(())
    }

    fn python(&self, py: Python, ask: Sender<Message>, step: &Step, given: Given) -> PyResult<State> {
        let Given { x, history, noise } = given;
        let shape = x.dim();
        let score = Py::new(py, StepScore { ask: Mutex::new(ask) })?.into_any();
        let mut noise = noise.into_iter().map(|z| z.into_pyarray(py).into_any());
        let z = match self.declared.noises {
            0 => py.None().into_bound(py),
            1 => noise.next().unwrap_or_else(|| py.None().into_bound(py)),
            _ => PyTuple::new(py, noise)?.into_any(),
        };
        let mut arguments: Vec<Bound<PyAny>> = vec![
            score.into_bound(py),
            x.into_pyarray(py).into_any(),
            step.t.into_bound_py_any(py)?,
            step.s.into_bound_py_any(py)?,
            z,
        ];
        if self.declared.history == 0 {
            let answer = self.step.bind(py).call1(PyTuple::new(py, arguments)?)?;
            return Ok(State { x: array(&answer, shape, "what step returns")?, history: Vec::new() });
        }
        arguments.push(match step.previous {
            None => py.None().into_bound(py),
            Some(before) => {
                let arrays = PyTuple::new(py, history.into_iter().map(|h| h.into_pyarray(py)))?;
                (before, arrays).into_bound_py_any(py)?
            }
        });
        let answer = self.step.bind(py).call1(PyTuple::new(py, arguments)?)?;
        let count = self.declared.history;
        let contract = || {
            let message = format!(
                "a step with history {count} must return x and a tuple of {count} arrays to remember"
            );
            PyValueError::new_err(message)
        };
        let (x, kept): (Bound<PyAny>, Vec<Bound<PyAny>>) = answer.extract().map_err(|_| contract())?;
        if kept.len() != count {
            return Err(contract());
        }
        let history =
            kept.iter().map(|kept| array(kept, shape, "what step remembers")).collect::<PyResult<_>>()?;
        Ok(State { x: array(&x, shape, "what step returns")?, history })
    }

    /// Answers the questions of a step until it is done; with their number.
    fn answer(&self, process: &ReverseProcess, hear: &Receiver<Message>) -> Result<(State, usize)> {
        // The score's own error says more than the exception it becomes in the step.
        let (mut failed, mut asked) = (None, 0);
        loop {
            match hear.recv() {
                Ok(Message::Ask((t, x, reply))) => {
                    asked += 1;
                    let mut out = Array2::zeros(x.dim());
                    let answer = if x.ncols() == process.score.dim() {
                        process.score.score_into(t, x.view(), out.view_mut()).map(|()| out)
                    } else {
                        Err(Error::Size { name: "columns", expected: process.score.dim(), found: x.ncols() })
                    };
                    if let Err(error) = &answer {
                        failed.get_or_insert_with(|| error.clone());
                    }
                    let _ = reply.send(answer);
                }
                Ok(Message::Done(Ok(state))) => return Ok((state, asked)),
                Ok(Message::Done(Err(error))) => {
                    return Err(failed.unwrap_or_else(|| self.watch.fail(error)));
                }
                Err(_) => return Err(Error::Interrupted),
            }
        }
    }
}

/// What a step is given.
struct Given {
    x: Array2<f64>,
    history: Vec<Array2<f64>>,
    noise: Vec<Array2<f64>>,
}

fn array(answer: &Bound<PyAny>, shape: (usize, usize), name: &str) -> PyResult<Array2<f64>> {
    let mut out = Array2::zeros(shape);
    assign(matrix(answer, name)?.as_array(), out.view_mut(), "step")?;
    Ok(out)
}

impl Scheme for PythonScheme<'_> {
    fn name(&self) -> &'static str {
        "step"
    }

    /// Not known: nothing here depends on it.
    fn order(&self) -> u32 {
        1
    }

    fn limit(&self) -> Limit {
        self.limit
    }

    fn noises(&self) -> usize {
        self.declared.noises
    }

    fn history(&self) -> usize {
        self.declared.history
    }

    /// Of this step, once it was called; before, the most of any.
    fn evaluations(&self, step: &Step) -> usize {
        let counted = lock(&self.counted);
        let most = || counted.values().copied().max().unwrap_or(1).max(1);
        counted.get(&step.t.to_bits()).copied().unwrap_or_else(most)
    }

    fn step(
        &self,
        process: &ReverseProcess,
        step: &Step,
        noise: &[Array2<f64>],
        state: &mut State,
        _work: &mut Work,
    ) -> Result<()> {
        let ((say, hear), depth) = (channel(), depth());
        let given = Given { x: state.x.clone(), history: state.history.clone(), noise: noise.to_vec() };
        let (moved, asked) = thread::scope(|scope| {
            let speaker = say.clone();
            scope.spawn(move || {
                called_from(depth);
                let result = Python::attach(|py| self.python(py, speaker, step, given));
                let _ = say.send(Message::Done(result));
            });
            self.answer(process, &hear)
        })?;
        lock(&self.counted).insert(step.t.to_bits(), asked);
        *state = moved;
        Ok(())
    }
}
