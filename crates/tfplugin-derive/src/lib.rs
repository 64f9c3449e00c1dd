//! `#[derive(Model)]`: one struct is an object's schema, its state and its documentation.
//!
//! Doc comments become descriptions. Each field has `#[attr(…)]`. A required one is a plain `T`: an object, planned or in
//! the state, has it, so no handler has to ask. Any other is a `Value<T>`.
//!
//! | word | meaning |
//! |---|---|
//! | `required`, `optional`, `computed` | who sets it; `optional, computed` together: the provider where the configuration is silent |
//! | `can_vanish` | with `required`: a state may be without it, where the server has lost it; a `Value<T>` then |
//! | `sensitive` | not shown in plans |
//! | `write_only` | taken from the configuration and kept nowhere; always a `Value<T>`, for the state has none |
//! | `replace` | a different value needs a new object |
//! | `default = EXPR` | taken when left out; with `optional, computed` |
//! | `initial = EXPR` | taken for a new object when left out; later, what is there stays; with `optional, computed` |
//! | `one_of = ["a", "b"]` | of a `Word`: the words it can be |
//! | `length = 1..=9` | characters of a text, elements of a collection |
//! | `range = 1..=9` | of a number |
//! | `requires = "a"`, `conflicts = "a"`, `exactly_one_of = "a"` | with the attributes beside it; `["a", "b"]` for several |
//!
//! Beside the struct `Thing` stands its draft, `ThingDraft`: the same fields, each a `Value<T>`. It is what a
//! configuration or a plan is in which something may be unknown.
//!
//! What the CLI would refuse at run time, or what could not be carried out, does not compile: see the tests.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Expr, ExprLit, Field, Fields, Lit, LitStr, Result, parse_macro_input};

#[proc_macro_derive(Model, attributes(attr))]
pub fn derive_model(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    model(&input).unwrap_or_else(Error::into_compile_error).into()
}

fn model(input: &DeriveInput) -> Result<Tokens> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new(input.ident.span(), "a model is a struct"));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new(input.ident.span(), "a model's fields have names: they are its attributes"));
    };
    let attributes = fields.named.iter().map(Attribute::parse).collect::<Result<Vec<_>>>()?;
    for attribute in &attributes {
        let others = [&attribute.requires, &attribute.conflicts, &attribute.exactly_one_of];
        for name in others.into_iter().flatten() {
            if *name.value() == *attribute.name || !attributes.iter().any(|other| other.name == name.value()) {
                return Err(Error::new(name.span(), "there is no other attribute of this name beside this one"));
            }
        }
    }
    let ident = &input.ident;
    let draft = quote::format_ident!("{ident}Draft");
    let visibility = &input.vis;
    let description = documentation(&input.attrs);
    let draft_description = format!("A [`{ident}`] in which anything may be unknown yet.");
    let schema = attributes.iter().map(Attribute::schema);
    let names: Vec<_> = attributes.iter().map(|attribute| &attribute.name).collect();
    let fields: Vec<_> = attributes.iter().map(|attribute| &attribute.ident).collect();
    let held: Vec<_> = attributes.iter().map(|attribute| &attribute.held).collect();
    let visibilities = attributes.iter().map(|attribute| &attribute.visibility);
    let coherent = attributes.iter().filter_map(Attribute::coherence);
    let place = |attribute: &Attribute| attribute.computed || attribute.write_only || attribute.replace;
    let has_places = attributes.iter().any(place);
    let replaces = attributes.iter().any(|attribute| attribute.replace);
    let is_answer = attributes.iter().all(|attribute| attribute.computed && !attribute.optional);
    let read = attributes.iter().map(|attribute| match attribute.is_plain() {
        true => quote!(read_required),
        false => quote!(read),
    });
    let finish = attributes.iter().map(|attribute| {
        let ident = &attribute.ident;
        match attribute.is_plain() {
            // `finish` has refused an object without it.
            true => quote!(#ident: #ident.expect("required")),
            false => quote!(#ident: #ident.unwrap_or_default()),
        }
    });
    let write = attributes.iter().map(|attribute| {
        let (ident, held) = (&attribute.ident, &attribute.held);
        match attribute.is_plain() {
            true => quote!(<#held as ::tfplugin::AttributeType>::to_dynamic(&self.#ident)),
            false => quote!(self.#ident.to_dynamic()),
        }
    });
    let spell = attributes.iter().map(|attribute| {
        let (ident, held) = (&attribute.ident, &attribute.held);
        match attribute.is_plain() {
            true => {
                quote!(<#held as ::tfplugin::AttributeType>::keep_spelling(&mut self.#ident, &prior.#ident, keep);)
            }
            false => quote!(self.#ident.keep_spelling(&prior.#ident, keep);),
        }
    });
    let before: Vec<_> = attributes
        .iter()
        .map(|attribute| {
            let ident = &attribute.ident;
            match attribute.is_plain() {
                true => quote!(&::tfplugin::Value::Known(prior.#ident.clone())),
                false => quote!(&prior.#ident),
            }
        })
        .collect();
    let replaced = attributes.iter().zip(&before).map(|(attribute, before)| {
        let (ident, name) = (&attribute.ident, &attribute.name);
        match attribute.replace {
            true => quote! {
                if *#before != planned.#ident { paths.push(::tfplugin::AttributePath::of(&[#name])); }
            },
            false => quote! { ::tfplugin::macros::replaced_inside(&mut paths, #name, #before, &planned.#ident); },
        }
    });
    Ok(quote! {
        #(#coherent)*

        #[doc = #draft_description]
        #[derive(Clone, Debug, PartialEq)]
        #[allow(dead_code, missing_docs)]
        #visibility struct #draft {
            #(#visibilities #fields: ::tfplugin::Value<#held>),*
        }

        #[automatically_derived]
        impl ::tfplugin::Draft for #draft {
            type Whole = #ident;

            fn from_dynamic(
                value: &::tfplugin::Dynamic,
            ) -> ::std::result::Result<Self, ::std::vec::Vec<::tfplugin::Diagnostic>> {
                let mut object = ::tfplugin::macros::ObjectReader::new(value)?;
                #(let #fields = object.read(#names);)*
                if let ::std::result::Result::Err(::tfplugin::Refusal::Wrong(wrong)) = object.finish() {
                    return ::std::result::Result::Err(wrong);
                }
                ::std::result::Result::Ok(Self { #(#fields: #fields.unwrap_or_default()),* })
            }

            fn to_dynamic(&self) -> ::tfplugin::Dynamic {
                ::tfplugin::Dynamic::Map(::std::collections::BTreeMap::from([
                    #((::std::borrow::ToOwned::to_owned(#names), self.#fields.to_dynamic())),*
                ]))
            }

            fn keep_spelling(&mut self, prior: &#ident) {
                #(self.#fields.keep_spelling(#before, ::tfplugin::Keep::Whole);)*
                let _ = prior;
            }

            fn replaced(&self, prior: &#ident) -> ::std::vec::Vec<::tfplugin::AttributePath> {
                let (mut paths, planned) = (::std::vec::Vec::new(), self);
                #(#replaced)*
                let _ = (prior, planned, &mut paths);
                paths
            }
        }

        #[automatically_derived]
        impl ::tfplugin::Model for #ident {
            const DESCRIPTION: &'static str = #description;
            type Draft = #draft;

            fn attributes() -> ::std::vec::Vec<::tfplugin::schema::Attribute> {
                ::std::vec![#(#schema),*]
            }
        }

        #[automatically_derived]
        impl ::tfplugin::AttributeType for #ident {
            const NAMES: &'static [::tfplugin::Name] = &[#(::tfplugin::Name {
                name: #names,
                inside: <#held as ::tfplugin::AttributeType>::NAMES,
            }),*];
            const HAS_PLACES: bool = #has_places #(|| <#held as ::tfplugin::AttributeType>::HAS_PLACES)*;
            const REPLACES: bool = #replaces #(|| <#held as ::tfplugin::AttributeType>::REPLACES)*;
            const IS_ANSWER: bool = #is_answer #(&& <#held as ::tfplugin::AttributeType>::IS_ANSWER)*;

            fn attribute_type() -> ::tfplugin::schema::Type {
                ::tfplugin::schema::Type::Nested(
                    ::tfplugin::schema::Nesting::Single,
                    <Self as ::tfplugin::Model>::attributes(),
                )
            }
            fn from_dynamic(
                value: &::tfplugin::Dynamic,
            ) -> ::std::result::Result<Self, ::tfplugin::Refusal> {
                let mut object = ::tfplugin::macros::ObjectReader::new(value).map_err(::tfplugin::Refusal::Wrong)?;
                #(let #fields = object.#read::<#held>(#names);)*
                object.finish()?;
                ::std::result::Result::Ok(Self { #(#finish),* })
            }

            fn to_dynamic(&self) -> ::tfplugin::Dynamic {
                ::tfplugin::Dynamic::Map(::std::collections::BTreeMap::from([
                    #((::std::borrow::ToOwned::to_owned(#names), #write)),*
                ]))
            }

            fn keep_spelling(&mut self, prior: &Self, keep: ::tfplugin::Keep) {
                #(#spell)*
                let _ = (prior, keep);
            }

            fn keep_spelling_in_part(value: &mut ::tfplugin::Dynamic, prior: &Self) {
                ::tfplugin::macros::keep_spelling_in_part(value, prior);
            }

            fn replaced(prior: &Self, planned: &::tfplugin::Dynamic) -> ::std::vec::Vec<::tfplugin::AttributePath> {
                ::tfplugin::macros::replaced(prior, planned)
            }
        }
    })
}

/// One field, as its `#[attr(…)]` describes it.
struct Attribute {
    ident: syn::Ident,
    visibility: syn::Visibility,
    name: String,
    held: syn::Type,
    /// Declared as `Value<T>`.
    is_value: bool,
    description: String,
    required: bool,
    can_vanish: bool,
    optional: bool,
    computed: bool,
    sensitive: bool,
    write_only: bool,
    replace: bool,
    default: Option<Expr>,
    initial: Option<Expr>,
    one_of: Vec<LitStr>,
    length: Option<Expr>,
    range: Option<Expr>,
    requires: Vec<LitStr>,
    conflicts: Vec<LitStr>,
    exactly_one_of: Vec<LitStr>,
}

impl Attribute {
    fn parse(field: &Field) -> Result<Self> {
        let ident = field.ident.clone().expect("fields are named");
        let value = held(field);
        let mut attribute = Self {
            name: ident.to_string().trim_start_matches("r#").to_owned(),
            visibility: field.vis.clone(),
            is_value: value.is_some(),
            held: value.unwrap_or_else(|| field.ty.clone()),
            description: documentation(&field.attrs),
            ident,
            required: false,
            can_vanish: false,
            optional: false,
            computed: false,
            sensitive: false,
            write_only: false,
            replace: false,
            default: None,
            initial: None,
            one_of: Vec::new(),
            length: None,
            range: None,
            requires: Vec::new(),
            conflicts: Vec::new(),
            exactly_one_of: Vec::new(),
        };
        let mut described = false;
        for attr in field.attrs.iter().filter(|attr| attr.path().is_ident("attr")) {
            described = true;
            attr.parse_nested_meta(|meta| {
                let word = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
                match word.as_str() {
                    "required" => attribute.required = true,
                    "can_vanish" => attribute.can_vanish = true,
                    "optional" => attribute.optional = true,
                    "computed" => attribute.computed = true,
                    "sensitive" => attribute.sensitive = true,
                    "write_only" => attribute.write_only = true,
                    "replace" => attribute.replace = true,
                    "default" => attribute.default = Some(meta.value()?.parse()?),
                    "initial" => attribute.initial = Some(meta.value()?.parse()?),
                    "one_of" => attribute.one_of = names(&meta.value()?.parse()?)?,
                    "length" => attribute.length = Some(meta.value()?.parse()?),
                    "range" => attribute.range = Some(meta.value()?.parse()?),
                    "requires" => attribute.requires = names(&meta.value()?.parse()?)?,
                    "conflicts" => attribute.conflicts = names(&meta.value()?.parse()?)?,
                    "exactly_one_of" => attribute.exactly_one_of = names(&meta.value()?.parse()?)?,
                    _ => return Err(meta.error("not a word of #[attr(…)]: see the documentation of the derive")),
                }
                Ok(())
            })?;
        }
        let name = attribute.ident.span();
        let refuse = |why: &str| Err(Error::new(name, why));
        if !described {
            return refuse("say who sets this attribute: #[attr(required)], #[attr(optional)] or #[attr(computed)]");
        }
        if attribute.description.is_empty() {
            return refuse("an attribute has a doc comment: it is the attribute's documentation");
        }
        if !(attribute.required || attribute.optional || attribute.computed) {
            return refuse("an attribute is required, optional, computed, or optional and computed");
        }
        if attribute.can_vanish && !attribute.required {
            return refuse("only a required attribute is missed when it vanishes");
        }
        if attribute.required && (attribute.optional || attribute.computed) {
            return refuse("a required attribute is neither optional nor computed");
        }
        if attribute.write_only && attribute.computed {
            return refuse("a write-only attribute comes from the configuration alone: it cannot be computed");
        }
        if attribute.write_only && attribute.replace {
            return refuse("a write-only attribute is not kept, so no change of it can be seen");
        }
        if (attribute.default.is_some() || attribute.initial.is_some()) && !(attribute.optional && attribute.computed) {
            return refuse("an attribute with a default or an initial value is optional and computed");
        }
        if attribute.default.is_some() && attribute.initial.is_some() {
            return refuse("a default leaves no room for an initial value");
        }
        if attribute.is_plain() && attribute.is_value {
            return refuse("a required attribute is a plain `T`: an object has it, and no handler has to ask");
        }
        if !attribute.is_plain() && !attribute.is_value {
            return refuse(
                "an attribute that is not required, or is write-only, is a `Value<…>`: an object need not have it",
            );
        }
        let related = [&attribute.requires, &attribute.conflicts, &attribute.exactly_one_of];
        let limited = attribute.length.is_some() || attribute.range.is_some();
        let ruled = attribute.replace || limited || related.iter().chain([&&attribute.one_of]).any(|it| !it.is_empty());
        if attribute.computed && !attribute.optional && ruled {
            return refuse("nobody configures a computed attribute: no rule of what it can be applies");
        }
        Ok(attribute)
    }

    /// A required attribute is in every object, unless the server can lose it; a write-only one is in none.
    fn is_plain(&self) -> bool {
        self.required && !self.write_only && !self.can_vanish
    }

    /// Refuses, when it is compiled, what the type of the field cannot carry out.
    fn coherence(&self) -> Option<Tokens> {
        let (held, is_word) = (&self.held, !self.one_of.is_empty());
        let (has_length, is_number) = (self.length.is_some(), self.range.is_some());
        let configurable = self.required || self.optional;
        configurable.then(|| {
            quote::quote_spanned! { self.ident.span() =>
                const _: () = {
                    assert!(
                        <#held as ::tfplugin::AttributeType>::IS_COHERENT,
                        "an attribute inside has a rule that cannot be carried out here: elements of a set have no place \
                         by which a default, a computed, write-only or replacing attribute could be found, and only a \
                         single object can replace"
                    );
                    assert!(
                        !#is_word || <#held as ::tfplugin::AttributeType>::IS_WORD,
                        "`one_of` belongs to a `Word`, which does not look at upper and lower case"
                    );
                    assert!(
                        !#has_length || <#held as ::tfplugin::AttributeType>::HAS_LENGTH,
                        "`length` belongs to a text or a collection"
                    );
                    assert!(
                        !#is_number || <#held as ::tfplugin::AttributeType>::IS_NUMBER,
                        "`range` belongs to a number"
                    );
                };
            }
        })
    }

    fn schema(&self) -> Tokens {
        let Self { name, held, description, sensitive, write_only, replace, .. } = self;
        let Self { requires, conflicts, exactly_one_of, one_of, .. } = self;
        let option = |value: &Option<Expr>| match value {
            Some(value) => quote!(::std::option::Option::Some(#value)),
            None => quote!(::std::option::Option::None),
        };
        let (length, range) = (option(&self.length), option(&self.range));
        let mode = match (self.required, self.optional, self.computed) {
            (true, ..) => quote!(Required),
            (_, true, true) => quote!(OptionalComputed),
            (_, true, false) => quote!(Optional),
            (_, false, _) => quote!(Computed),
        };
        let value = |value: &Option<Expr>| match value {
            Some(value) => quote! {
                ::std::option::Option::Some(<#held as ::tfplugin::AttributeType>::to_dynamic(&<#held>::from(#value)))
            },
            None => quote!(::std::option::Option::None),
        };
        let (default, initial) = (value(&self.default), value(&self.initial));
        quote! {
            ::tfplugin::schema::Attribute {
                name: #name,
                ty: <#held as ::tfplugin::AttributeType>::attribute_type(),
                description: ::std::borrow::ToOwned::to_owned(#description),
                mode: ::tfplugin::schema::Mode::#mode,
                sensitive: #sensitive || <#held as ::tfplugin::AttributeType>::SECRET,
                write_only: #write_only,
                replace: #replace,
                default: #default,
                initial: #initial,
                one_of: &[#(#one_of),*],
                length: #length,
                range: #range,
                requires: &[#(#requires),*],
                conflicts: &[#(#conflicts),*],
                exactly_one_of: &[#(#exactly_one_of),*],
            }
        }
    }
}

/// The `T` of `Value<T>`; `None` for another type.
fn held(field: &Field) -> Option<syn::Type> {
    if let syn::Type::Path(path) = &field.ty
        && let Some(last) = path.path.segments.last()
        && last.ident == "Value"
        && let syn::PathArguments::AngleBracketed(arguments) = &last.arguments
        && let Some(syn::GenericArgument::Type(held)) = arguments.args.first()
    {
        return Some(held.clone());
    }
    None
}

/// `"a"` or `["a", "b"]`.
fn names(expression: &Expr) -> Result<Vec<LitStr>> {
    let name = |expression: &Expr| match expression {
        Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) => Ok(name.clone()),
        other => Err(Error::new(other.span(), "the name of an attribute, in quotes")),
    };
    match expression {
        Expr::Array(array) => array.elems.iter().map(name).collect(),
        single => Ok(vec![name(single)?]),
    }
}

/// The doc comment, without the blank after each `///`.
fn documentation(attrs: &[syn::Attribute]) -> String {
    let lines = attrs.iter().filter(|attr| attr.path().is_ident("doc")).filter_map(|attr| match &attr.meta {
        syn::Meta::NameValue(syn::MetaNameValue { value: Expr::Lit(ExprLit { lit: Lit::Str(line), .. }), .. }) => {
            let line = line.value();
            Some(line.strip_prefix(' ').unwrap_or(&line).to_owned())
        }
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}
