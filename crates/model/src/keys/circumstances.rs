//! What a request is seen as, beside the secret that it shows.

use std::net::IpAddr;

use super::KeyKind;

/// What a header says that should stand once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'r> {
    /// The request does not have it.
    Nothing,
    /// It has it once, and it is text.
    Text(&'r str),
    /// It has it more than once, or it is no text.
    Unclear,
}

/// What a request is seen as: where it comes from and what it says of the page
/// and the program that sent it.
///
/// Whoever is let in is let in under circumstances: there is no road from a
/// secret to an [`Access`](crate::permit::Access) without them, so that no road
/// can forget what a key is restricted to. What is not known satisfies no restriction.
///
/// ```compile_fail,E0277
/// let seen: model::keys::Circumstances<'_> = Default::default();
/// ```
/// ```compile_fail,E0616
/// fn move_to(seen: &mut model::keys::Circumstances<'_>, address: std::net::IpAddr) {
///     seen.address = Some(address);
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circumstances<'r> {
    address: Option<IpAddr>,
    origin: Said<'r>,
    referer: Said<'r>,
    user_agent: Option<&'r str>,
}

impl<'r> Circumstances<'r> {
    /// A request that came from this address, as far as the server trusts what
    /// it was told of it; `None` when that cannot be known.
    pub fn from_address(address: Option<IpAddr>) -> Self {
        Self {
            // One client has one address, in whichever family its socket is.
            address: address.map(|address| address.to_canonical()),
            origin: Said::Nothing,
            referer: Said::Nothing,
            user_agent: None,
        }
    }

    /// Nothing is known: no request is behind it, or nobody looked. Keys that
    /// are restricted let nobody in then.
    pub fn unknown() -> Self {
        Self::from_address(None)
    }

    /// The same request, which says this of the page that it is sent from: in
    /// its header `Origin` and in its header `Referer`.
    #[must_use]
    pub fn of_page(self, origin: Said<'r>, referer: Said<'r>) -> Self {
        Self {
            origin,
            referer,
            ..self
        }
    }

    /// The same request, whose program calls itself this.
    #[must_use]
    pub fn by_agent(self, user_agent: Option<&'r str>) -> Self {
        Self { user_agent, ..self }
    }

    /// The address, never an IPv4 one in the clothes of IPv6.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// What `Origin` says.
    pub fn origin(&self) -> Said<'r> {
        self.origin
    }

    /// What `Referer` says.
    pub fn referer(&self) -> Said<'r> {
        self.referer
    }

    /// Whether it may be kept where the request came from, by a key of this kind
    /// that must not be in a page, or may be: of who opens a page nothing is kept.
    pub fn may_be_kept(&self, kind: KeyKind, must_not_be_in_a_page: bool) -> bool {
        let is_from_page = self.origin != Said::Nothing;
        let is_of_page = self.referer != Said::Nothing;
        kind != KeyKind::Publishable && !is_from_page && (must_not_be_in_a_page || !is_of_page)
    }

    /// What `User-Agent` says. Anybody can say anything there.
    pub fn user_agent(&self) -> Option<&'r str> {
        self.user_agent
    }
}
