//! Types: from wit-parser's ids to names and structures.
//! Whatever is not a value is refused here, at the item that uses it.
//! Invariant: a named type that is referred to is on the list of reached types, and with it every
//! `use` by which it is referred to.

use super::Reader;
use crate::finding::Mistake;
use crate::limits::{MAX_FLAGS, MAX_MEMBERS, MAX_NAME_BYTES, MAX_TYPE_DEPTH, MAX_TYPE_NODES};
use crate::schema::{CaseDef, FieldDef, InterfaceName, LabelDef, Type, TypeDef, TypeKind, TypeName};
use crate::source::Place;
use std::collections::HashMap;
use wit_parser::{InterfaceId, Span, Stability, TypeDefKind, TypeId, TypeOwner};

impl Reader<'_> {
    /// The definition of a named type of an interface.
    pub(super) fn type_def(&mut self, id: TypeId) -> TypeDef {
        let def = &self.resolve.types[id];
        let name = def.name.clone().unwrap_or_default();
        let place = self.place(def.span);
        self.check_name(&name, &place);
        self.check_stability(&def.stability, &place);
        if self.shapes.is_first_beyond_limits(id) {
            self.too_large(&format!("the type `{name}`"), &place);
        }
        let docs = self.comments.docs(&place);
        TypeDef { name, docs, kind: self.type_kind(id, &place) }
    }

    fn type_kind(&mut self, id: TypeId, place: &Place) -> TypeKind {
        match &self.resolve.types[id].kind {
            TypeDefKind::Record(record) => {
                self.check_members(record.fields.len(), "a field", MAX_MEMBERS, place);
                self.check_distinct(record.fields.iter().map(|field| (field.name.as_str(), field.span)));
                let fields = record.fields.iter().map(|field| {
                    let place = self.member(&field.name, field.span);
                    let docs = self.comments.docs(&place);
                    FieldDef { name: field.name.clone(), docs, ty: self.ty(&field.ty, &place) }
                });
                TypeKind::Record(fields.collect())
            }
            TypeDefKind::Variant(variant) => {
                self.check_members(variant.cases.len(), "a case", MAX_MEMBERS, place);
                self.check_distinct(variant.cases.iter().map(|case| (case.name.as_str(), case.span)));
                let cases = variant.cases.iter().map(|case| {
                    let place = self.member(&case.name, case.span);
                    let docs = self.comments.docs(&place);
                    let ty = case.ty.as_ref().map(|ty| self.ty(ty, &place));
                    CaseDef { name: case.name.clone(), docs, ty }
                });
                TypeKind::Variant(cases.collect())
            }
            TypeDefKind::Enum(kind) => {
                self.check_members(kind.cases.len(), "a case", MAX_MEMBERS, place);
                self.check_distinct(kind.cases.iter().map(|case| (case.name.as_str(), case.span)));
                TypeKind::Enum(kind.cases.iter().map(|case| self.label(&case.name, case.span)).collect())
            }
            TypeDefKind::Flags(kind) => {
                self.check_members(kind.flags.len(), "a flag", MAX_FLAGS, place);
                self.check_distinct(kind.flags.iter().map(|flag| (flag.name.as_str(), flag.span)));
                TypeKind::Flags(kind.flags.iter().map(|flag| self.label(&flag.name, flag.span)).collect())
            }
            TypeDefKind::Type(target) => match self.use_target(id) {
                Some(target) => {
                    let declared = self.reach(target);
                    TypeKind::Use(self.type_name(declared))
                }
                None => TypeKind::Alias(self.ty(target, place)),
            },
            kind => TypeKind::Alias(self.anonymous(kind, place)),
        }
    }

    /// What is said of every field, case and flag.
    fn member(&mut self, name: &str, span: Span) -> Place {
        let place = self.place(span);
        self.check_name(name, &place);
        place
    }

    fn label(&mut self, name: &str, span: Span) -> LabelDef {
        let place = self.member(name, span);
        LabelDef { name: name.to_owned(), docs: self.comments.docs(&place) }
    }

    /// A type where it is used. After a refusal the answer stands in for one that will not be seen.
    pub(super) fn ty(&mut self, ty: &wit_parser::Type, place: &Place) -> Type {
        use wit_parser::Type as Wit;
        match ty {
            Wit::Bool => Type::Bool,
            Wit::U8 => Type::U8,
            Wit::U16 => Type::U16,
            Wit::U32 => Type::U32,
            Wit::U64 => Type::U64,
            Wit::S8 => Type::S8,
            Wit::S16 => Type::S16,
            Wit::S32 => Type::S32,
            Wit::S64 => Type::S64,
            Wit::F32 => Type::F32,
            Wit::F64 => Type::F64,
            Wit::Char => Type::Char,
            Wit::String => Type::String,
            Wit::ErrorContext => self.refuse_type("`error-context`", place),
            Wit::Id(id) => {
                let def = &self.resolve.types[*id];
                if def.name.is_none() {
                    return self.anonymous(&def.kind, place);
                }
                let declared = self.reach(*id);
                Type::Named(self.type_name(declared))
            }
        }
    }

    fn anonymous(&mut self, kind: &TypeDefKind, place: &Place) -> Type {
        match kind {
            TypeDefKind::List(element) => Type::List(Box::new(self.ty(element, place))),
            TypeDefKind::Option(some) => Type::Option(Box::new(self.ty(some, place))),
            TypeDefKind::Result(result) => {
                let mut side =
                    |ty: &Option<wit_parser::Type>| ty.as_ref().map(|ty| Box::new(self.ty(ty, place)));
                Type::Result { ok: side(&result.ok), err: side(&result.err) }
            }
            TypeDefKind::Tuple(tuple) => {
                self.check_members(tuple.types.len(), "an element", MAX_MEMBERS, place);
                Type::Tuple(tuple.types.iter().map(|ty| self.ty(ty, place)).collect())
            }
            TypeDefKind::Type(target) => self.ty(target, place),
            TypeDefKind::Resource | TypeDefKind::Handle(_) => self.refuse_type("a resource", place),
            TypeDefKind::Map(..) => self.refuse_type("`map<…>`", place),
            TypeDefKind::FixedLengthList(..) => self.refuse_type("a list of fixed length", place),
            TypeDefKind::Future(_) => self.refuse_type("`future<…>`", place),
            TypeDefKind::Stream(_) => self.refuse_type("`stream<…>`", place),
            _ => self.refuse_type("this type", place),
        }
    }

    fn refuse_type(&mut self, what: &str, place: &Place) -> Type {
        let mend = match what {
            "a resource" => "pass the key of a row instead, and keep the state in a table",
            "`map<…>`" => "use `list<tuple<K, V>>`, or a table",
            "a list of fixed length" => "use `list<T>`, or a tuple",
            "`error-context`" => "use a variant that names the errors",
            "this type" => "use a value type of WIT",
            _ => "use `list<T>`: a transaction takes its arguments and gives its result as a whole",
        };
        self.mistake(
            Mistake::new(
                place.clone(),
                format!("{what} is not a value, so it can be neither stored nor passed"),
            )
            .label("uses it")
            .mend(mend),
        );
        Type::Bool
    }

    /// The type that an id stands for once every `use` on the way is followed.
    pub(super) fn declared(&self, id: TypeId) -> TypeId {
        let mut id = id;
        while let Some(target) = self.use_target(id) {
            id = target;
        }
        id
    }

    /// Puts a type on the list of reached ones, and every `use` on the way to its declaration: a
    /// component that names the type names those, too. Returns what is declared.
    fn reach(&mut self, id: TypeId) -> TypeId {
        let mut id = id;
        self.reached.push(id);
        while let Some(target) = self.use_target(id) {
            id = target;
            self.reached.push(id);
        }
        id
    }

    /// A `use` is a type that equals a named one of another interface.
    fn use_target(&self, id: TypeId) -> Option<TypeId> {
        let def = &self.resolve.types[id];
        let TypeDefKind::Type(wit_parser::Type::Id(target)) = def.kind else { return None };
        let other = &self.resolve.types[target];
        (other.name.is_some() && other.owner != def.owner).then_some(target)
    }

    /// A type's interface; only a type that stands in a world has none, and worlds with types are refused.
    pub(super) fn interface_of(&self, id: TypeId) -> Option<InterfaceId> {
        match self.resolve.types[id].owner {
            TypeOwner::Interface(interface) => Some(interface),
            TypeOwner::World(_) | TypeOwner::None => None,
        }
    }

    pub(super) fn type_name(&mut self, id: TypeId) -> TypeName {
        let interface = match self.interface_of(id) {
            Some(interface) => self.interface_name(interface),
            None => InterfaceName { package: self.package_name(self.root), name: String::new() },
        };
        TypeName { interface, name: self.resolve.types[id].name.clone().unwrap_or_default() }
    }

    pub(super) fn check_name(&mut self, name: &str, place: &Place) {
        if name.len() > MAX_NAME_BYTES {
            let message = format!("a name of {} bytes, and at most {MAX_NAME_BYTES} are allowed", name.len());
            self.mistake(Mistake::new(place.clone(), message).mend("shorten it"));
        }
    }

    /// The component model takes `id` and `ID` for the same name, which WIT tells apart.
    pub(super) fn check_distinct<'n>(&mut self, names: impl Iterator<Item = (&'n str, Span)>) {
        let mut seen: HashMap<String, &str> = HashMap::new();
        for (name, span) in names {
            if let Some(first) = seen.insert(name.to_ascii_lowercase(), name) {
                let place = self.place(span);
                self.mistake(
                    Mistake::new(place, format!("`{name}` and `{first}` differ by their case only"))
                        .mend("give one of them another name: to components they are the same"),
                );
            }
        }
    }

    pub(super) fn check_stability(&mut self, stability: &Stability, place: &Place) {
        // The root package's gates were found in its text, also those that leave no trace here.
        if matches!(stability, Stability::Unstable { .. }) && !self.is_in_root_file(place) {
            self.unstable(place.clone());
        }
    }

    fn check_members(&mut self, count: usize, member: &str, most: usize, place: &Place) {
        if count == 0 {
            self.mistake(
                Mistake::new(place.clone(), "the component model has no empty types")
                    .mend(format!("add {member}")),
            );
        }
        if count > most {
            let message = format!("{count} members, and at most {most} are allowed");
            self.mistake(Mistake::new(place.clone(), message).mend("divide it into several types"));
        }
    }

    pub(super) fn too_large(&mut self, what: &str, place: &Place) {
        let message = format!(
            "{what} has more than {MAX_TYPE_NODES} parts or nests deeper than {MAX_TYPE_DEPTH} \
             once every name in it is replaced by what it stands for"
        );
        self.mistake(Mistake::new(place.clone(), message).mend("use fewer types that contain each other"));
    }
}
