//! Files of a crate that use each other in a circle: found from their imports and paths, tests aside.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ItemMod, UseTree};

/// A module's name, from the crate's root.
type Module = Vec<String>;

/// Which modules of their own crate the modules of `src` use, one for each file.
fn uses(src: &Path) -> BTreeMap<Module, BTreeSet<Module>> {
    let mut files = BTreeMap::new();
    gather(src, &Vec::new(), &mut files);
    let names: BTreeSet<Module> = files.keys().cloned().collect();
    let of = |(module, file): (Module, syn::File)| {
        let mut walk = Walk { names: &names, file: &module, inside: module.clone(), found: BTreeSet::new() };
        walk.visit_file(&file);
        let found = walk.found;
        (module, found)
    };
    files.into_iter().map(of).collect()
}

fn gather(folder: &Path, module: &Module, files: &mut BTreeMap<Module, syn::File>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if name == "tests" {
            continue;
        }
        let below = || [module.clone(), vec![name.clone()]].concat();
        if path.is_dir() {
            gather(&path, &below(), files);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let module = if ["lib", "mod"].contains(&name.as_str()) { module.clone() } else { below() };
            files.insert(module, syn::parse_file(&std::fs::read_to_string(&path).unwrap()).unwrap());
        }
    }
}

struct Walk<'a> {
    names: &'a BTreeSet<Module>,
    file: &'a Module,
    /// The file's module, or one written out in it.
    inside: Module,
    found: BTreeSet<Module>,
}

impl Walk<'_> {
    fn note(&mut self, path: &[String]) {
        let mut from = self.inside.clone();
        let mut rest = path;
        match path.first().map(String::as_str) {
            Some("crate") => (from, rest) = (Vec::new(), &path[1..]),
            Some("self") => rest = &path[1..],
            Some("super") => {}
            // A module of this one, by its name.
            Some(name) if path.len() > 1 && self.names.contains(&[from.as_slice(), &[name.to_owned()]].concat()) => {}
            _ => return,
        }
        while let Some("super") = rest.first().map(String::as_str) {
            from.pop();
            rest = &rest[1..];
        }
        let whole = [from.as_slice(), rest].concat();
        let used = (0..=whole.len()).rev().map(|length| &whole[..length]).find(|it| self.names.contains(*it));
        self.found.extend(used.filter(|it| *it != self.file.as_slice()).map(<[String]>::to_vec));
    }

    /// Paths among the arguments of a macro.
    fn tokens(&mut self, stream: TokenStream) {
        let (mut path, mut colons) = (Vec::new(), 0);
        for token in stream {
            match token {
                TokenTree::Ident(name) if colons == 2 => path.push(name.to_string()),
                TokenTree::Ident(name) => {
                    self.note(&std::mem::replace(&mut path, vec![name.to_string()]));
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Group(group) => {
                    self.note(&std::mem::take(&mut path));
                    self.tokens(group.stream());
                }
                _ => self.note(&std::mem::take(&mut path)),
            }
            colons = 0;
        }
        self.note(&path);
    }

    fn tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: String| [before, &[name]].concat();
        match tree {
            UseTree::Path(it) => self.tree(&with(it.ident.to_string()), &it.tree),
            UseTree::Name(it) => self.note(&with(it.ident.to_string())),
            UseTree::Rename(it) => self.note(&with(it.ident.to_string())),
            UseTree::Glob(_) => self.note(before),
            UseTree::Group(it) => it.items.iter().for_each(|it| self.tree(before, it)),
        }
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|it| {
        it.path().is_ident("cfg") && it.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if item.content.is_some() && !is_test(&item.attrs) {
            self.inside.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.inside.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_test(&item.attrs) {
            self.tree(&[], &item.tree);
        }
    }

    fn visit_macro(&mut self, of: &'ast syn::Macro) {
        self.tokens(of.tokens.clone());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            self.note(&path.segments.iter().map(|it| it.ident.to_string()).collect::<Vec<_>>());
        }
        visit::visit_path(self, path);
    }
}

/// The modules from which one comes back to itself, each with those of its circle.
fn circles(uses: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<String> {
    let reached = |from: &Module| {
        let mut reached = BTreeSet::new();
        let mut ahead = vec![from];
        while let Some(module) = ahead.pop() {
            let new = uses.get(module).into_iter().flatten().filter(|it| !reached.contains(*it)).collect::<Vec<_>>();
            reached.extend(new.iter().map(|it| (*it).clone()));
            ahead.extend(new);
        }
        reached
    };
    let all: BTreeMap<&Module, BTreeSet<Module>> = uses.keys().map(|module| (module, reached(module))).collect();
    let back = all.iter().filter(|(module, reached)| reached.contains(**module));
    let of = |(module, reached): (&&Module, &BTreeSet<Module>)| {
        let with = reached.iter().filter(|it| all[it].contains(*module)).map(|it| it.join("::"));
        format!("{}: {}", module.join("::"), with.collect::<Vec<_>>().join(", "))
    };
    back.map(of).collect()
}

#[test]
fn no_files_of_the_instance_use_each_other_in_a_circle() {
    let uses = uses(&crate::root().join("crates/emulator-instance/src"));
    assert!(uses.len() > 80 && uses.values().map(BTreeSet::len).sum::<usize>() > 300, "the files were not read");
    let found = circles(&uses);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_circle_is_found_through_every_kind_of_path() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("lib.rs", "mod a; mod b; mod c; mod d; mod e; mod f; #[cfg(test)] mod tests { use super::a::A; }");
    write("a.rs", "use crate::{b::B, d};");
    write("b.rs", "mod inner { use super::super::c; }");
    write("c.rs", "pub fn of() { super::a::of() } #[cfg(test)] mod tests { use crate::d::D; }");
    write("d.rs", "use std::fmt; of![1, (e::of(), super::d::D)];");
    write("e.rs", "list!(crate::f::of => 2);");
    write("f.rs", "pub fn of() { list!(super::e::of) }");
    let circle = |of: [&str; 3]| of.map(|it| format!("{it}: {}", of.join(", ")));
    let found = circles(&uses(folder.path()));
    assert_eq!(found[..3], circle(["a", "b", "c"]));
    assert_eq!(found[3..], ["e: e, f", "f: e, f"]);
}
