use super::*;

/// The Merkle tree hash as RFC 6962, 2.1 defines it.
fn defined(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::over(&[]),
        [one] => *one,
        many => {
            let half = many.len().next_power_of_two() / 2;
            let (left, right) = many.split_at(half);
            Digest::over(&[&[1], defined(left).as_bytes(), defined(right).as_bytes()])
        }
    }
}

/// The leaves and roots that the libraries of Certificate Transparency test with.
#[test]
fn the_known_trees_have_the_known_roots() {
    let inputs: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut tree = Tree::default();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(tree.root().to_string(), empty);
    for (input, root) in inputs.iter().zip(roots) {
        tree.push(Digest::over(&[&[0], input]));
        assert_eq!(tree.root().to_string(), root);
    }
}

#[test]
fn a_tree_that_grows_is_the_defined_one_and_is_restored_at_every_size() {
    let random = SeededRandom::new(11);
    let mut leaves = Vec::new();
    let mut tree = Tree::default();
    for size in 1..=300_u64 {
        let leaf = Digest::over(&[&random.next_u64().to_be_bytes()]);
        leaves.push(leaf);
        tree.push(leaf);
        assert_eq!(tree.size(), size);
        assert_eq!(tree.root(), defined(&leaves), "{size}");
        tree = Tree::restore(size, &tree.peaks()).expect("its own peaks");
        assert_eq!(tree.root(), defined(&leaves), "{size}");
    }
}

#[test]
fn peaks_of_another_size_are_refused() {
    let mut tree = Tree::default();
    tree.push(Digest::over(&[]));
    let peaks = tree.peaks();
    assert!(Tree::restore(1, &peaks).is_some() && Tree::restore(2, &peaks).is_some());
    assert!(Tree::restore(0, &peaks).is_none());
    assert!(Tree::restore(3, &peaks).is_none());
    assert!(Tree::restore(1, &peaks[1..]).is_none());
}
