//! Addresses as they may be shown.

use pricket_core::without_userinfo;

#[test]
fn user_information_is_masked_and_nothing_else() {
    for (text, shown) in [
        ("https://me:pw@host/simple", "https://***@host/simple"),
        ("https://token@host", "https://***@host"),
        ("https://me:p@w@host:80?q=a@b", "https://***@host:80?q=a@b"),
        ("pip --a http://u:p@x/y --b http://v:q@z", "pip --a http://***@x/y --b http://***@z"),
        ("git+ssh://git@host/a@v2#x@y", "git+ssh://***@host/a@v2#x@y"),
        ("https://", "https://"),
        ("https://@", "https://***@"),
        ("http://a/?u=http://c:d@e", "http://a/?u=http://***@e"),
    ] {
        assert_eq!(without_userinfo(text), shown, "{text}");
    }
    for plain in ["", "https://host:80/a@b", "me@host", "python3 -m pip", "a:b", "\u{e9}://\u{e9}"]
    {
        assert_eq!(without_userinfo(plain), plain);
    }
}
