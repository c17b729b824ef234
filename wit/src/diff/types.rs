//! Named types. Where one is used in a signature or a table, the change shows there too; here it is about the
//! modules that import the type itself.
//! Records of tables are compared as tables.

use super::interfaces::Pair;
use super::{Change, Changes, Effect, ItemKind, paired};
use crate::evolution::difference::difference;
use crate::schema::{Interface, Schema, Type, TypeDef, TypeKind, TypeName};
use interstice_codec::ValueType;

impl Changes<'_> {
    pub(super) fn types(&mut self, pair: Pair<'_>) {
        let is_table = |interface: &Interface, def: &TypeDef| {
            interface.tables.iter().any(|table| table.name == def.name)
        };
        for (old, new) in paired(&pair.old.types, &pair.new.types, |def| def.name.as_str()) {
            let was_table = old.is_some_and(|def| is_table(pair.old, def));
            let is_table = new.is_some_and(|def| is_table(pair.new, def));
            match (old, new) {
                // A table that is no table any more still has its record, and nobody knew that alone.
                (_, _) if was_table => {}
                (Some(old), Some(_)) if is_table => self.type_became_table(pair, old),
                (Some(old), Some(new)) => self.type_kept(pair, old, new),
                (Some(old), None) => self.type_removed(pair, old),
                (None, Some(new)) if !is_table => {
                    let change =
                        Change::new(ItemKind::Type, &new.name, format!("the {} is added", word(&new.kind)));
                    self.push(pair.added(change, "nobody uses it yet"));
                }
                (None, _) => {}
            }
        }
    }

    fn type_became_table(&mut self, pair: Pair<'_>, old: &TypeDef) {
        if is_name_only(&old.kind) {
            return;
        }
        let table = pair.new.tables.iter().find(|table| table.name == old.name);
        let is_private = table.is_some_and(|table| table.visibility == crate::Visibility::Private);
        let old_type = value_type(self.old, pair.old, old);
        let new_type = self.new.value_type(&named(pair.new, &old.name));
        let change = Change::new(ItemKind::Type, &old.name, "the record is now a table").within(pair.name);
        let effect = match difference(&old_type, &new_type) {
            _ if is_private => pair.broken("the record of a private table cannot be imported"),
            Some(difference) => {
                pair.broken(format!("modules that import the type know another one: {difference}"))
            }
            None => Effect::compatible("its structure is the same"),
        };
        self.push(change.callers(effect));
    }

    fn type_kept(&mut self, pair: Pair<'_>, old: &TypeDef, new: &TypeDef) {
        let change = |what: String| Change::new(ItemKind::Type, &new.name, what).within(pair.name);
        let (was, is) = (word(&old.kind), word(&new.kind));
        let types = (value_type(self.old, pair.old, old), value_type(self.new, pair.new, new));
        let difference = difference(&types.0, &types.1);
        match (is_name_only(&old.kind), is_name_only(&new.kind), difference) {
            (true, true, None) => {}
            (true, true, Some(difference)) => {
                let effect = Effect::compatible("callers know what a name stands for where it is used");
                self.push(change(format!("the {is} stands for another type: {difference}")).callers(effect));
            }
            (true, false, _) => {
                let effect = Effect::compatible("callers know what a name stands for where it is used");
                self.push(change(format!("the {was} is now {} of its own", article(is))).callers(effect));
            }
            (false, true, _) => {
                let effect = pair.broken("modules that import the type no longer find it declared here");
                self.push(change(format!("the {was} is now {}", article(is))).callers(effect));
            }
            (false, false, Some(difference)) => {
                let effect = pair.broken("modules that import the type know another one");
                self.push(change(difference).callers(effect));
            }
            (false, false, None) => {}
        }
    }

    fn type_removed(&mut self, pair: Pair<'_>, old: &TypeDef) {
        let what = format!("the {} is removed", word(&old.kind));
        let change = Change::new(ItemKind::Type, &old.name, what).within(pair.name);
        self.push(if is_name_only(&old.kind) {
            let reason = "callers know what a name stands for; one that is compiled again writes that out";
            change.callers(Effect::compatible(reason)).at_least(super::Bump::Minor)
        } else {
            change.callers(pair.broken("modules that import the type no longer link"))
        });
    }
}

/// Whether it is a name for another type, which no caller pins.
fn is_name_only(kind: &TypeKind) -> bool {
    matches!(kind, TypeKind::Alias(_) | TypeKind::Use(_))
}

fn named(interface: &Interface, name: &str) -> Type {
    Type::Named(TypeName { interface: interface.name.clone(), name: name.to_owned() })
}

fn value_type(schema: &Schema, interface: &Interface, def: &TypeDef) -> ValueType {
    schema.value_type(&named(interface, &def.name))
}

fn word(kind: &TypeKind) -> &'static str {
    match kind {
        TypeKind::Record(_) => "record",
        TypeKind::Variant(_) => "variant",
        TypeKind::Enum(_) => "enum",
        TypeKind::Flags(_) => "flags",
        TypeKind::Alias(_) => "alias",
        TypeKind::Use(_) => "used type",
    }
}

fn article(word: &str) -> String {
    match word {
        "flags" => "flags".to_owned(),
        "alias" | "enum" => format!("an {word}"),
        _ => format!("a {word}"),
    }
}
