//! `#[derive(Model)]`: one struct is an object's schema, its state and its documentation.
//!
//! Doc comments become descriptions. Each field is a `Value<T>` with `#[attr(…)]`:
//!
//! | word | meaning |
//! |---|---|
//! | `required`, `optional`, `computed` | who sets it; `optional, computed` together: the provider where the configuration is silent |
//! | `sensitive` | not shown in plans |
//! | `write_only` | taken from the configuration and kept nowhere |
//! | `replace` | a different value needs a new object |
//! | `default = EXPR` | taken when left out; with `optional, computed` |
//! | `requires = "a"`, `conflicts = "a"`, `exactly_one_of = "a"` | with the attributes beside it; `["a", "b"]` for several |
//!
//! What the CLI would refuse at run time does not compile: see the tests.

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
    let description = documentation(&input.attrs);
    let schema = attributes.iter().map(Attribute::schema);
    let names: Vec<_> = attributes.iter().map(|attribute| &attribute.name).collect();
    let fields: Vec<_> = attributes.iter().map(|attribute| &attribute.ident).collect();
    let replacing = attributes.iter().filter(|attribute| attribute.replace).map(|attribute| {
        let (ident, name) = (&attribute.ident, &attribute.name);
        quote! { if prior.#ident != planned.#ident { paths.push(::tfplugin::AttributePath::of(&[#name])); } }
    });
    Ok(quote! {
        #[automatically_derived]
        impl ::tfplugin::Model for #ident {
            const DESCRIPTION: &'static str = #description;

            fn attributes() -> ::std::vec::Vec<::tfplugin::schema::Attribute> {
                ::std::vec![#(#schema),*]
            }

            fn from_dynamic(
                value: &::tfplugin::Dynamic,
            ) -> ::std::result::Result<Self, ::std::vec::Vec<::tfplugin::Diagnostic>> {
                let mut object = ::tfplugin::macros::ObjectReader::new(value)?;
                #(let #fields = object.read(#names);)*
                object.finish()?;
                ::std::result::Result::Ok(Self { #(#fields: #fields.unwrap_or_default()),* })
            }

            fn to_dynamic(&self) -> ::tfplugin::Dynamic {
                ::tfplugin::Dynamic::Map(::std::collections::BTreeMap::from([
                    #((::std::borrow::ToOwned::to_owned(#names), self.#fields.to_dynamic())),*
                ]))
            }

            fn replaced(prior: &Self, planned: &Self) -> ::std::vec::Vec<::tfplugin::AttributePath> {
                let mut paths = ::std::vec::Vec::new();
                #(#replacing)*
                let _ = (prior, planned);
                paths
            }
        }

        #[automatically_derived]
        impl ::tfplugin::AttributeType for #ident {
            fn attribute_type() -> ::tfplugin::schema::Type {
                ::tfplugin::schema::Type::Nested(
                    ::tfplugin::schema::Nesting::Single,
                    <Self as ::tfplugin::Model>::attributes(),
                )
            }
            fn from_dynamic(value: &::tfplugin::Dynamic) -> ::std::result::Result<Self, ::tfplugin::Refusal> {
                <Self as ::tfplugin::Model>::from_dynamic(value).map_err(::tfplugin::Refusal::Wrong)
            }
            fn to_dynamic(&self) -> ::tfplugin::Dynamic {
                ::tfplugin::Model::to_dynamic(self)
            }
        }
    })
}

/// One field, as its `#[attr(…)]` describes it.
struct Attribute {
    ident: syn::Ident,
    name: String,
    held: syn::Type,
    description: String,
    required: bool,
    optional: bool,
    computed: bool,
    sensitive: bool,
    write_only: bool,
    replace: bool,
    default: Option<Expr>,
    requires: Vec<LitStr>,
    conflicts: Vec<LitStr>,
    exactly_one_of: Vec<LitStr>,
}

impl Attribute {
    fn parse(field: &Field) -> Result<Self> {
        let ident = field.ident.clone().expect("fields are named");
        let mut attribute = Self {
            name: ident.to_string().trim_start_matches("r#").to_owned(),
            held: held(field)?,
            description: documentation(&field.attrs),
            ident,
            required: false,
            optional: false,
            computed: false,
            sensitive: false,
            write_only: false,
            replace: false,
            default: None,
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
                    "optional" => attribute.optional = true,
                    "computed" => attribute.computed = true,
                    "sensitive" => attribute.sensitive = true,
                    "write_only" => attribute.write_only = true,
                    "replace" => attribute.replace = true,
                    "default" => attribute.default = Some(meta.value()?.parse()?),
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
        if attribute.required && (attribute.optional || attribute.computed) {
            return refuse("a required attribute is neither optional nor computed");
        }
        if attribute.write_only && attribute.computed {
            return refuse("a write-only attribute comes from the configuration alone: it cannot be computed");
        }
        if attribute.write_only && attribute.replace {
            return refuse("a write-only attribute is not kept, so no change of it can be seen");
        }
        if attribute.default.is_some() && !(attribute.optional && attribute.computed) {
            return refuse("an attribute with a default is optional and computed");
        }
        let related = [&attribute.requires, &attribute.conflicts, &attribute.exactly_one_of];
        if attribute.computed && !attribute.optional && (attribute.replace || related.iter().any(|it| !it.is_empty())) {
            return refuse(
                "nobody configures a computed attribute: neither `replace` nor a relation to others applies",
            );
        }
        Ok(attribute)
    }

    fn schema(&self) -> Tokens {
        let Self { name, held, description, sensitive, write_only, replace, .. } = self;
        let Self { requires, conflicts, exactly_one_of, .. } = self;
        let mode = match (self.required, self.optional, self.computed) {
            (true, ..) => quote!(Required),
            (_, true, true) => quote!(OptionalComputed),
            (_, true, false) => quote!(Optional),
            (_, false, _) => quote!(Computed),
        };
        let default = match &self.default {
            Some(value) => quote! {
                ::std::option::Option::Some(<#held as ::tfplugin::AttributeType>::to_dynamic(&<#held>::from(#value)))
            },
            None => quote!(::std::option::Option::None),
        };
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
                requires: &[#(#requires),*],
                conflicts: &[#(#conflicts),*],
                exactly_one_of: &[#(#exactly_one_of),*],
            }
        }
    }
}

/// The `T` of `Value<T>`.
fn held(field: &Field) -> Result<syn::Type> {
    if let syn::Type::Path(path) = &field.ty
        && let Some(last) = path.path.segments.last()
        && last.ident == "Value"
        && let syn::PathArguments::AngleBracketed(arguments) = &last.arguments
        && let Some(syn::GenericArgument::Type(held)) = arguments.args.first()
    {
        return Ok(held.clone());
    }
    Err(Error::new(field.ty.span(), "an attribute is a `Value<…>`: it can be null or not known yet"))
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
