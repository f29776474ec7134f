//! Scores and samplers written in Python, as the library sees them.
//!
//! A score is `score(x, t)`, a sampler `step(score, x, t, s, z)`. The step is called on a thread of
//! its own and asks this one for scores, so that the score may be anything the library has: nothing
//! borrowed crosses into Python.

use crate::convert::matrix;
use crate::work::{Watch, called_from, depth, lock};
use fokker::process::Step;
use fokker::sampling::{Limit, ReverseProcess, Scheme, State, Work};
use fokker::score::Score;
use fokker::{Error, Result};
use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use numpy::IntoPyArray;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
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
            assign(answer.as_array(), out.view_mut(), "score")
        };
        Python::attach(call).map_err(|error| self.watch.fail(error))
    }
}

fn assign(answer: ArrayView2<f64>, mut out: ArrayViewMut2<f64>, name: &str) -> PyResult<()> {
    if answer.dim() != out.dim() {
        let (expected, found) = (out.dim(), answer.dim());
        let message = format!("{name} must return an array of the shape {expected:?} of x, found {found:?}");
        return Err(pyo3::exceptions::PyValueError::new_err(message));
    }
    out.assign(&answer);
    Ok(())
}

/// A question of a step: the score at a time and points.
type Question = (f64, Array2<f64>, Sender<Result<Array2<f64>>>);

/// What the thread of a step says.
enum Message {
    Ask(Question),
    Done(PyResult<Array2<f64>>),
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

/// `step(score, x, t, s, z)` of Python.
pub struct PythonScheme<'a> {
    step: &'a Py<PyAny>,
    watch: &'a Watch,
    limit: Limit,
    evaluations: usize,
    counted: AtomicUsize,
}

impl<'a> PythonScheme<'a> {
    /// Tries the step: whether it uses noise, how often it asks for the score, and whether it is what
    /// the probe needs.
    ///
    /// # Errors
    /// A step that is not affine in the particle and the noise, or lets particles see one another.
    pub fn new(
        step: &'a Py<PyAny>,
        watch: &'a Watch,
        process: &ReverseProcess,
        trial: &Step,
    ) -> Result<Self> {
        let mut scheme =
            PythonScheme { step, watch, limit: Limit::Sde, evaluations: 0, counted: AtomicUsize::new(0) };
        // Rows: zero, a state, a noise, both, a state in the first column alone.
        let state: Array2<f64> =
            ndarray::array![[0.0, 0.0], [1.0, -2.0], [0.0, 0.0], [1.0, -2.0], [1.0, 0.0]];
        let noise: Array2<f64> = ndarray::array![[0.0, 0.0], [0.0, 0.0], [1.5, 0.5], [1.5, 0.5], [0.0, 0.0]];
        let all = scheme.call(process, trial, state.clone(), noise.clone())?;
        scheme.evaluations = scheme.counted.load(Ordering::Relaxed);
        let rows = |i: usize| all.row(i).to_owned();
        let size = all.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
        let off = |gap: f64| gap > 1e-9 * size || gap.is_nan();
        let gap = (rows(3) - rows(1) - rows(2) + rows(0)).iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        let double = scheme.call(process, trial, &state * 2.0, &noise * 2.0)?;
        let bent = (&double - &(&all * 2.0) + &rows(0)).iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        let undefined = |reason: String| Error::Undefined {
            what: "the exact error of this step",
            reason,
            remedy: "a step must be affine in x and z when the score is, and move each row by itself",
        };
        let alone = scheme.call(
            process,
            trial,
            state.select(ndarray::Axis(0), &[3]),
            noise.select(ndarray::Axis(0), &[3]),
        )?;
        let seen = (&alone.row(0) - &rows(3)).iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        if off(seen) {
            return Err(undefined(format!("a row moves otherwise without the others, by {seen:.2e}")));
        }
        if off(gap) || off(bent) {
            return Err(undefined(format!("it is not affine in x and z, by {:.2e}", gap.max(bent))));
        }
        if off((all[[4, 1]] - all[[0, 1]]).abs()) {
            return Err(undefined("one column of x moves another one".into()));
        }
        let uses_noise = (rows(2) - rows(0)).iter().any(|x| *x != 0.0);
        scheme.limit = if uses_noise { Limit::Sde } else { Limit::Ode };
        Ok(scheme)
    }

    /// One call of the step, its questions answered here.
    fn call(
        &self,
        process: &ReverseProcess,
        step: &Step,
        x: Array2<f64>,
        z: Array2<f64>,
    ) -> Result<Array2<f64>> {
        let ((say, hear), depth) = (channel(), depth());
        thread::scope(|scope| {
            let speaker = say.clone();
            scope.spawn(move || {
                called_from(depth);
                let result = Python::attach(|py| self.python(py, speaker, step, x, z));
                let _ = say.send(Message::Done(result));
            });
            self.answer(process, &hear)
        })
    }

    fn python(
        &self,
        py: Python,
        ask: Sender<Message>,
        step: &Step,
        x: Array2<f64>,
        z: Array2<f64>,
    ) -> PyResult<Array2<f64>> {
        let mut out = Array2::zeros(x.dim());
        let score = Py::new(py, StepScore { ask: Mutex::new(ask) })?;
        let arguments = (score, x.into_pyarray(py), step.t, step.s, z.into_pyarray(py));
        let answer = self.step.bind(py).call1(arguments)?;
        assign(matrix(&answer, "what step returns")?.as_array(), out.view_mut(), "step")?;
        Ok(out)
    }

    fn answer(&self, process: &ReverseProcess, hear: &Receiver<Message>) -> Result<Array2<f64>> {
        // The score's own error says more than the exception it becomes in the step.
        let mut failed = None;
        loop {
            match hear.recv() {
                Ok(Message::Ask((t, x, reply))) => {
                    self.counted.fetch_add(1, Ordering::Relaxed);
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
                Ok(Message::Done(Ok(x))) => return Ok(x),
                Ok(Message::Done(Err(error))) => {
                    return Err(failed.unwrap_or_else(|| self.watch.fail(error)));
                }
                Err(_) => return Err(Error::Interrupted),
            }
        }
    }
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

    fn evaluations(&self, _step: &Step) -> usize {
        self.evaluations
    }

    fn step(
        &self,
        process: &ReverseProcess,
        step: &Step,
        noise: &[Array2<f64>],
        state: &mut State,
        _work: &mut Work,
    ) -> Result<()> {
        let z = noise.first().cloned().unwrap_or_else(|| Array2::zeros(state.x.dim()));
        state.x = self.call(process, step, state.x.clone(), z)?;
        Ok(())
    }
}
