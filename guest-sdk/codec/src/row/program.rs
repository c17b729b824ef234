//! A type compiled into a flat list of steps that walk over encoded bytes.
//! Fields that may hold any bits are merged into one step, so that a run of integers costs a single
//! check of bounds however deeply records are nested.
//! Invariant: a walk recurses only where the type does (list, option, result, variant), and every
//! turn of a loop reads at least one byte.

use super::{Reader, case_width, reader::check_flags};
use crate::{DecodeError, DecodeReason, ValueType};
use alloc::vec::Vec;
use core::ops::Range;

/// Types one after the other, compiled.
#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    steps: Vec<Step>,
    /// The steps of each case of each [`Step::Choice`], in the order of the cases.
    branches: Vec<Range<u32>>,
    /// The steps from here on are one straight run, the last of which the next one may be merged into.
    run: usize,
}

#[derive(Clone, Debug)]
enum Step {
    /// This many bytes of any value.
    Any(u32),
    Bool,
    F32,
    F64,
    Char,
    Text,
    /// A list of elements of this many bytes each, of any value.
    AnyList(u32),
    /// A list of elements that take no bytes.
    EmptyList,
    /// A list; its element is the steps from the next one up to `end`.
    List {
        end: u32,
    },
    /// The index of a case, and nothing that it carries.
    Case {
        cases: u32,
    },
    /// The index of a case; then the steps of that branch, all of which stand before `end`.
    Choice {
        cases: u32,
        first_branch: u32,
        end: u32,
    },
    Flags(u32),
}

impl Program {
    /// Compiles one more type, its steps apart from those before, so that a walk can begin there.
    pub(super) fn push(&mut self, ty: &ValueType) {
        self.run = self.steps.len();
        self.push_merged(ty);
    }

    /// Compiles more types, merging their steps: a walk goes over all of them.
    pub(super) fn push_all(&mut self, types: &[ValueType]) {
        self.run = self.steps.len();
        types.iter().for_each(|ty| self.push_merged(ty));
    }

    fn push_merged(&mut self, ty: &ValueType) {
        match ty {
            ValueType::U8 | ValueType::S8 => self.any(1),
            ValueType::U16 | ValueType::S16 => self.any(2),
            ValueType::U32 | ValueType::S32 => self.any(4),
            ValueType::U64 | ValueType::S64 => self.any(8),
            ValueType::Bool => self.steps.push(Step::Bool),
            ValueType::F32 => self.steps.push(Step::F32),
            ValueType::F64 => self.steps.push(Step::F64),
            ValueType::Char => self.steps.push(Step::Char),
            ValueType::String => self.steps.push(Step::Text),
            ValueType::List(element) => self.list(element),
            ValueType::Option(some) => self.choice(&[None, Some(some)]),
            ValueType::Result { ok, err } => self.choice(&[ok.as_deref(), err.as_deref()]),
            ValueType::Tuple(types) => types.iter().for_each(|ty| self.push_merged(ty)),
            ValueType::Record(fields) => fields.iter().for_each(|field| self.push_merged(&field.ty)),
            ValueType::Variant(cases) => {
                self.choice(&cases.iter().map(|case| case.ty.as_ref()).collect::<Vec<_>>());
            }
            ValueType::Enum(cases) if cases.len() == 0x100 => self.any(1),
            ValueType::Enum(cases) if cases.len() == 0x1_0000 => self.any(2),
            ValueType::Enum(cases) => self.steps.push(Step::Case { cases: cases.len() as u32 }),
            ValueType::Flags(flags) if flags.len() % 8 == 0 => self.any(flags.len() as u32 / 8),
            ValueType::Flags(flags) => self.steps.push(Step::Flags(flags.len() as u32)),
        }
    }

    /// Where the next step will stand.
    pub(super) fn position(&self) -> u32 {
        self.steps.len() as u32
    }

    /// The size of what is walked over, if any bytes of that size will do.
    pub(super) fn any_size(&self) -> Option<usize> {
        match self.steps.as_slice() {
            [] => Some(0),
            [Step::Any(size)] => Some(*size as usize),
            _ => None,
        }
    }

    fn any(&mut self, size: u32) {
        match self.steps[self.run..].last_mut() {
            Some(Step::Any(sum)) => *sum += size,
            _ if size == 0 => {}
            _ => self.steps.push(Step::Any(size)),
        }
    }

    fn list(&mut self, element: &ValueType) {
        if element.takes_no_bytes() {
            self.steps.push(Step::EmptyList);
            return;
        }
        let at = self.steps.len();
        self.steps.push(Step::List { end: 0 });
        self.push(element);
        if let [Step::Any(size)] = self.steps[at + 1..] {
            self.steps.truncate(at);
            self.steps.push(Step::AnyList(size));
        } else {
            self.steps[at] = Step::List { end: self.position() };
        }
        self.run = self.steps.len();
    }

    fn choice(&mut self, payloads: &[Option<&ValueType>]) {
        let cases = payloads.len() as u32;
        if payloads.iter().all(Option::is_none) {
            self.steps.push(Step::Case { cases });
            return;
        }
        let at = self.steps.len();
        let first_branch = self.branches.len() as u32;
        self.steps.push(Step::Choice { cases, first_branch, end: 0 });
        self.branches.resize(self.branches.len() + payloads.len(), 0..0);
        for (index, payload) in payloads.iter().enumerate() {
            let start = self.position();
            payload.iter().for_each(|ty| self.push(ty));
            self.branches[first_branch as usize + index] = start..self.position();
        }
        self.steps[at] = Step::Choice { cases, first_branch, end: self.position() };
        self.run = self.steps.len();
    }

    /// Walks over all of the types, checking every byte.
    #[inline]
    pub(super) fn check(&self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        self.walk::<false>(0..self.position(), reader)
    }

    /// Walks over some steps of a row that has been checked before: only lengths and cases are looked at.
    pub(super) fn skip(&self, steps: Range<u32>, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        self.walk::<true>(steps, reader)
    }

    fn walk<const TRUSTED: bool>(
        &self,
        steps: Range<u32>,
        reader: &mut Reader<'_>,
    ) -> Result<(), DecodeError> {
        let mut at = steps.start as usize;
        while at < steps.end as usize {
            let next = at + 1;
            at = next;
            match &self.steps[next - 1] {
                Step::Any(size) => {
                    reader.take(*size as usize)?;
                }
                Step::Text if TRUSTED => {
                    reader.bytes()?;
                }
                Step::Text => {
                    reader.text().map(drop)?;
                }
                Step::Bool => {
                    reader.bool()?;
                }
                Step::F32 => {
                    reader.f32()?;
                }
                Step::F64 => {
                    reader.f64()?;
                }
                Step::Char => {
                    reader.char()?;
                }
                Step::AnyList(size) => {
                    let count = reader.count()?;
                    reader.take(count.saturating_mul(*size as usize))?;
                }
                Step::EmptyList => empty_list(reader)?,
                Step::List { end } => {
                    for _ in 0..reader.count()? {
                        self.walk::<TRUSTED>(next as u32..*end, reader)?;
                    }
                    at = *end as usize;
                }
                Step::Case { cases } => {
                    reader.case(*cases)?;
                }
                Step::Choice { cases, first_branch, end } => {
                    let index = reader.case(*cases)?;
                    let branch = self.branches[(first_branch + index) as usize].clone();
                    self.walk::<TRUSTED>(branch, reader)?;
                    at = *end as usize;
                }
                Step::Flags(flags) => {
                    let before = reader.offset();
                    let bytes = reader.take(flags.div_ceil(8) as usize)?;
                    check_flags(bytes, *flags).map_err(|reason| DecodeError::new(before, reason))?;
                }
            }
        }
        Ok(())
    }
}

fn empty_list(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    let before = reader.offset();
    match reader.length()? {
        0 => Ok(()),
        length => Err(DecodeError::new(before, DecodeReason::EmptyElements(length))),
    }
}

/// How many bytes every value of the type takes, if that is one number.
pub(super) fn fixed_size(ty: &ValueType) -> Option<usize> {
    match ty {
        ValueType::Bool | ValueType::U8 | ValueType::S8 => Some(1),
        ValueType::U16 | ValueType::S16 => Some(2),
        ValueType::U32 | ValueType::S32 | ValueType::F32 | ValueType::Char => Some(4),
        ValueType::U64 | ValueType::S64 | ValueType::F64 => Some(8),
        ValueType::String | ValueType::List(_) => None,
        ValueType::Option(some) => same_size(&[None, Some(some)]),
        ValueType::Result { ok, err } => same_size(&[ok.as_deref(), err.as_deref()]),
        ValueType::Tuple(types) => types.iter().map(fixed_size).sum(),
        ValueType::Record(fields) => fields.iter().map(|field| fixed_size(&field.ty)).sum(),
        ValueType::Variant(cases) => {
            same_size(&cases.iter().map(|case| case.ty.as_ref()).collect::<Vec<_>>())
        }
        ValueType::Enum(cases) => Some(case_width(cases.len())),
        ValueType::Flags(flags) => Some(flags.len().div_ceil(8)),
    }
}

/// The size of a type with these cases, if all of them take the same.
fn same_size(payloads: &[Option<&ValueType>]) -> Option<usize> {
    let mut sizes = payloads.iter().map(|payload| payload.map_or(Some(0), fixed_size));
    let first = sizes.next().unwrap_or(Some(0))?;
    sizes.all(|size| size == Some(first)).then_some(case_width(payloads.len()) + first)
}
